import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildBusyboxImage } from '../../support/images/busybox-image.ts';
import { run } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type InstanceDaemon,
} from '../../support/servers/instance-daemon.ts';
import { startInWorkspace, type WorkspaceProcess } from '../../support/readme-process.ts';
import {
  makeWorkspace,
  README_LINES,
  shellEnvironment,
  type ReadmeSteps,
} from '../../support/readme.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const PRODUCT = 'busybox:1.36:amd64:default';

const resources = new AsyncDisposableStack();
const daemons = new Map<string, InstanceDaemon>();
let workspace: string;
let server: WorkspaceProcess;
let token: string;

/** Runs a line as a shell in the workspace does. */
const shell = (line: string, env: NodeJS.ProcessEnv = {}): Promise<string> =>
  run('sh', ['-c', line], { cwd: workspace, env: { ...shellEnvironment(), ...env } });

/**
 * Runs a line of `lxc` or `incus` with the client of our daemon. The test's server has a port of
 * its own.
 */
function client(line: string): Promise<string> {
  const host = new URL(server.url).host;
  const [program, ...args] = line.replace('127.0.0.1:8443', host).split(' ');
  const daemon = daemons.get(program === 'lxc' ? 'lxd' : 'incus')!;
  return daemon.client(...args);
}

const isPublic = (product: string) =>
  eventually(async () => (await server.images()).products[product] !== undefined);

const lists = async (line: string): Promise<void> => {
  assert.match(await client(line), /busybox\/1\.36/);
};
const launches = async (line: string): Promise<void> => {
  const [program = ''] = line.split(' ');
  await client(line);
  const greeting = await client(`${program} exec first -- cat /etc/greeting`);
  assert.equal(greeting, 'from the README\n');
  await client(`${program} delete --force first`);
};
const addsRemote = async (line: string): Promise<void> => {
  await client(line);
};

/** Runs lines so that changes to the system's certificates disappear afterwards. */
async function aside(lines: readonly string[]): Promise<string> {
  const programs = resources.use(await temporaryFolder()).path;
  await writeFile(join(programs, 'sudo'), '#!/bin/sh\nexec "$@"\n');
  await chmod(join(programs, 'sudo'), 0o755);
  const copies = resources.use(await temporaryFolder()).path;
  const script = [
    'set -e',
    `mount -t tmpfs tmpfs ${copies}`,
    `cp -a /etc/ssl ${copies}/ssl && mount --bind ${copies}/ssl /etc/ssl`,
    `mkdir ${copies}/own && mount --bind ${copies}/own /usr/local/share/ca-certificates`,
    ...lines,
  ];
  return run('unshare', ['--mount', 'sh', '-c', script.join('\n')], {
    cwd: workspace,
    env: {
      ...shellEnvironment(),
      PATH: `${programs}:/usr/local/sbin:/usr/sbin:/sbin:${process.env.PATH ?? ''}`,
      SSL_CERT_FILE: undefined,
      SSL_CERT_DIR: undefined,
      CURL_CA_BUNDLE: undefined,
    },
  });
}

before(async () => {
  workspace = resources.use(await temporaryFolder()).path;
  await makeWorkspace(workspace);
  await writeFile(join(workspace, 'bucketstreams.toml'), '[serve]\nport = 0\n');
  server = resources.use(await startInWorkspace(workspace, 'npm start'));
  const version = join(workspace, 'data/images/busybox/1.36/amd64/default/20260101');
  await buildBusyboxImage(version, 'from the README');
  await isPublic(PRODUCT);
  for (const kind of DAEMON_KINDS) {
    const daemon = resources.use(await startDaemon(kind, { trust: server.caFile }));
    daemons.set(kind, daemon);
    for (const name of ['mine', 'other']) {
      const { directory } = await buildBusyboxImage(join(workspace, kind, name), `${kind} ${name}`);
      const files = ['lxd.tar.xz', 'rootfs.squashfs'].map((file) => join(directory, file));
      await daemon.client('image', 'import', ...files, '--alias', name);
    }
  }
});
after(() => resources.disposeAsync());

const steps: ReadmeSteps<'clients'> = {
  'npx bucketstreams publish --from lxd:mine --product busybox/1.36/amd64/mine --wait': async (
    line,
  ) => {
    await shell(line, { LXD_DIR: daemons.get('lxd')!.directory });
    await isPublic('busybox:1.36:amd64:mine');
  },
  'npx bucketstreams publish --from incus:mine --product busybox/1.36/amd64/theirs --wait': async (
    line,
  ) => {
    await shell(line, { INCUS_DIR: daemons.get('incus')!.directory });
    await isPublic('busybox:1.36:amd64:theirs');
  },
  // Runs together with the next line: on its own it only copies a file.
  'sudo cp data/.bucketstreams/tls/ca.crt /usr/local/share/ca-certificates/bucketstreams.crt':
    async (line) => {
      await aside([line]);
    },
  'sudo update-ca-certificates': async (line) => {
    const copy = README_LINES.clients.find((other) => other.startsWith('sudo cp '))!;
    const curl = `curl --silent --fail --noproxy '*' ${server.url}/streams/v1/index.json`;
    assert.match(await aside([copy, line, curl]), /"format":"index:1\.0"/);
    await assert.rejects(aside([curl]), /exit 60/);
  },
  'lxc remote add bucketstreams https://127.0.0.1:8443 --protocol=simplestreams': addsRemote,
  'lxc image list bucketstreams:': lists,
  'lxc launch bucketstreams:busybox/1.36 first': launches,
  'incus remote add bucketstreams https://127.0.0.1:8443 --protocol=simplestreams': addsRemote,
  'incus image list bucketstreams:': lists,
  'incus launch bucketstreams:busybox/1.36 first': launches,
  'npx bucketstreams gateway token laptop': async (line) => {
    token = (await shell(line)).trim();
  },
  'lxc remote add hub TOKEN': async (line) => {
    await client(line.replace('TOKEN', token));
  },
  'lxc image copy local:other hub: --alias busybox/1.36/copied --mode=relay': async (line) => {
    await client(line);
    await isPublic('busybox:1.36:amd64:copied');
  },
};

describe('the commands of README.md that need LXD and Incus', () => {
  for (const line of README_LINES.clients) it(line, () => steps[line](line));
});
