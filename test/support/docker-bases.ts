import {
  chmod,
  copyFile,
  cp,
  mkdir,
  readFile,
  realpath,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { run } from './command.ts';
import { copyProgram, type DockerEngine } from './docker.ts';
import { temporaryFolder } from './temporary.ts';
import { GO_PROGRAMS, goProgram } from './tools.ts';

const CHECKOUT = join(import.meta.dirname, '../..');

/**
 * Gives the engine replacements for the base images of the project's Dockerfiles, under the same
 * names, so that the Dockerfiles build without a registry. The Node image has this package's own
 * Node, the machine's npm, and the packages that `npm ci` needs. The Go image has a `go install`
 * that returns the MinIO that the tests built, at exactly the requested version.
 */
export async function loadBaseImages(engine: DockerEngine): Promise<void> {
  await using folder = await temporaryFolder();
  const node = join(folder.path, 'node');
  await layOutNode(node);
  await importImage(engine, node, await baseOf('Dockerfile'), [
    'USER root',
    'ENV npm_config_cache=/npm-cache npm_config_offline=true',
  ]);
  const go = join(folder.path, 'go');
  await layOutGo(go);
  await importImage(engine, go, await baseOf('docker/minio/Dockerfile'), []);
}

async function baseOf(dockerfile: string): Promise<string> {
  const base = /^FROM (\S+)/m.exec(await readFile(join(CHECKOUT, dockerfile), 'utf8'))?.[1];
  if (base === undefined) throw new Error(`${dockerfile} has no FROM line`);
  return base;
}

async function importImage(
  engine: DockerEngine,
  root: string,
  name: string,
  changes: readonly string[],
): Promise<void> {
  const archive = `${root}.tar`;
  await run('tar', ['--create', '--file', archive, '--directory', root, '.']);
  const options = [`ENV PATH=/usr/local/bin:/bin`, ...changes].flatMap((line) => [
    '--change',
    line,
  ]);
  await engine.docker(['import', ...options, archive, name]);
}

/** A root with a shell, the few commands that the Dockerfiles use, and the users that they name. */
async function layOutRoot(root: string): Promise<void> {
  for (const path of ['bin', 'etc', 'tmp', 'root', 'usr/local/bin']) {
    await mkdir(join(root, path), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  for (const applet of ['sh', 'mkdir', 'chown', 'cp', 'cat', 'env']) {
    await symlink('busybox', join(root, 'bin', applet));
  }
  await writeFile(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/tmp:/bin/sh\n',
  );
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\n');
}

async function layOutNode(root: string): Promise<void> {
  await layOutRoot(root);
  await copyProgram(await realpath(process.execPath), root, '/usr/local/bin/node');
  const npm = dirname(dirname(await realpath((await run('sh', ['-c', 'command -v npm'])).trim())));
  await cp(npm, join(root, 'usr/local/lib/npm'), { recursive: true });
  await symlink('../lib/npm/bin/npm-cli.js', join(root, 'usr/local/bin/npm'));
  // npm's scripts find their interpreter through env.
  await mkdir(join(root, 'usr/bin'));
  await symlink('/bin/env', join(root, 'usr/bin/env'));
  await fillNpmCache(root);
}

/** Lets npm fetch the packages of the lockfile once, into a separate cache. */
async function fillNpmCache(root: string): Promise<void> {
  await using folder = await temporaryFolder();
  for (const file of ['package.json', 'package-lock.json']) {
    await copyFile(join(CHECKOUT, file), join(folder.path, file));
  }
  await run('npm', ['ci', '--omit=dev', '--ignore-scripts', '--cache', join(root, 'npm-cache')], {
    cwd: folder.path,
  });
}

async function layOutGo(root: string): Promise<void> {
  await layOutRoot(root);
  await copyFile(goProgram('minio'), join(root, 'usr/local/bin/minio'));
  const { package: path, version } = GO_PROGRAMS.minio;
  await writeFile(
    join(root, 'usr/local/bin/go'),
    [
      '#!/bin/sh',
      `[ "$*" = "install -trimpath ${path}@${version}" ] || { echo "not here: go $*"; exit 1; }`,
      'mkdir -p /go/bin && cp /usr/local/bin/minio /go/bin/minio',
      '',
    ].join('\n'),
  );
  await chmod(join(root, 'usr/local/bin/go'), 0o755);
}
