import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cliOutput } from '../../support/cli.ts';
import { run } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { placeImage, randomImage } from '../../support/images/image-files.ts';
import { serveStore } from '../../support/program.ts';
import { startInWorkspace, type WorkspaceProcess } from '../../support/readme-process.ts';
import {
  CHECKOUT,
  makeWorkspace,
  README_LINES,
  readmeConfiguration,
  shellEnvironment,
  type ReadmeSteps,
} from '../../support/readme.ts';
import { METADATA_YAML, tarArchive } from '../../support/images/tar-archive.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const VERSION = '20260101';
/** Added to the README's settings: a free port, and a shorter settle time than its second. */
const FOR_TESTS = '[serve]\nport = 0\nsettle = 0.3\n';

const resources = new AsyncDisposableStack();
let workspace: string;
let server: WorkspaceProcess;

/** Runs a line as a shell in the workspace does. */
const shell = (line: string): Promise<string> =>
  run('sh', ['-c', line], { cwd: workspace, env: shellEnvironment() });

/** The files that the README assumes; every image has new bytes. */
async function makeImage(): Promise<void> {
  const metadata = [
    { path: 'metadata.yaml', content: METADATA_YAML },
    { path: 'templates/id', content: randomBytes(32) },
  ];
  await writeFile(join(workspace, 'lxd.tar.xz'), tarArchive(metadata));
  const root = Buffer.concat([Buffer.from('hsqs'), randomBytes(50_000)]);
  await writeFile(join(workspace, 'rootfs.squashfs'), root);
}

before(async () => {
  workspace = resources.use(await temporaryFolder()).path;
  await makeWorkspace(workspace);
  await writeFile(join(workspace, 'bucketstreams.toml'), (await readmeConfiguration()) + FOR_TESTS);
  await makeImage();
});
after(() => resources.disposeAsync());

const steps: ReadmeSteps<'local'> = {
  // The existing dependencies show that `npm ci` works; a clean clone runs it.
  'npm ci && npm start': async (line) => {
    const [install, start] = line.split(' && ');
    assert.equal(install, 'npm ci');
    server = resources.use(await startInWorkspace(workspace, start!));
    assert.match(server.url, /^https:\/\/127\.0\.0\.1:\d+$/);
    assert.match(
      server.stderr(),
      /lxc remote add bucketstreams https:\S+ --protocol=simplestreams/,
    );
  },
  // Runs one small test, in this file, instead of all.
  'npm test': async (line) => {
    const small = resources.use(await temporaryFolder()).path;
    await makeWorkspace(small);
    await mkdir(join(small, 'test/unit/log'), { recursive: true });
    const test = 'test/unit/log/emf.test.ts';
    await copyFile(join(CHECKOUT, test), join(small, test));
    const printed = await run('sh', ['-c', line], { cwd: small, env: shellEnvironment() });
    assert.match(printed, /tests [1-9]/);
    assert.match(printed, /fail 0/);
  },
  'mkdir -p data/images/busybox/1.36/amd64/default/20260101': async (line) => {
    await shell(line);
  },
  'cp lxd.tar.xz rootfs.squashfs data/images/busybox/1.36/amd64/default/20260101/': async (
    line,
  ) => {
    await shell(line);
    await eventually(async () => (await publishedVersions()).includes(VERSION));
  },
  'npx bucketstreams publish --product busybox/1.36/amd64/default --wait lxd.tar.xz rootfs.squashfs':
    async (line) => {
      await makeImage();
      const printed = await shell(line);
      const [version] = printed.split('\n');
      assert.match(version ?? '', /^busybox\/1\.36\/amd64\/default\/20\d{6}_\d{4}$/);
      assert.match(printed, /fingerprint [0-9a-f]{64}/);
      assert.ok((await publishedVersions()).includes(version!.split('/').at(-1)!));
    },
  'npx bucketstreams mirror sync': async (line) => {
    await shell(line);
    const list = await readFile(join(workspace, 'mirror/streams/v1/images.json'), 'utf8');
    assert.ok(list.includes(`"${VERSION}"`));
  },
  // Uses a server of the test's own, which must be trusted.
  "npx bucketstreams pull https://images.linuxcontainers.org --product 'alpine/*/amd64/default' --newest 1":
    async (line) => {
      const other = resources.use(await temporaryFolder()).path;
      const state = join(other, 'state');
      const store = join(other, 'data');
      for (const version of ['20250101', '20250102']) {
        await placeImage(store, `alpine/3.22/amd64/default/${version}`, randomImage());
      }
      await placeImage(store, 'debian/13/amd64/default/20250101', randomImage());
      await cliOutput(['update', '--store', `file:${store}`]);
      await using remote = await serveStore({ store: `file:${store}`, state });
      const url = 'https://images.linuxcontainers.org';
      assert.ok(line.includes(url));
      await shell(line.replace(url, `${remote.url} --ca ${remote.caFile}`));
      const pulled = join(workspace, 'data/images/alpine/3.22/amd64/default');
      assert.deepEqual(await readdir(pulled), ['20250102']);
      assert.ok(!existsSync(join(workspace, 'data/images/debian')));
      const product = 'alpine:3.22:amd64:default';
      await eventually(async () => (await server.images()).products[product] !== undefined);
    },
  'npx bucketstreams list': async (line) => {
    assert.match(await shell(line), /^busybox\/1\.36\/amd64\/default +20260101 +rootfs\.squashfs/m);
  },
  'npx bucketstreams list --all': async (line) => {
    await writeFile(join(workspace, 'data/images/stray'), 'x');
    const printed = await shell(line);
    assert.match(printed, /20260101 +published/);
    assert.match(printed, /^images\/stray +refused/m);
  },
  'npx bucketstreams status': async (line) => {
    assert.match(await shell(line), /^Versions +3 published/m);
  },
  'npx bucketstreams verify': async (line) => {
    assert.match(await shell(line), /: all is right\.$/m);
  },
  'npx bucketstreams update': async (line) => {
    assert.match(await shell(line), /^Public generation \d+;/);
  },
  'npx bucketstreams prune --keep 3 --dry-run': async (line) => {
    await shell(line);
    assert.equal((await publishedVersions()).length, 2);
  },
  'npx bucketstreams remove busybox/1.36/amd64/default/20260101 --yes': async (line) => {
    await shell(line);
    assert.ok(!(await publishedVersions()).includes(VERSION));
    const marker = join(workspace, 'data/images/busybox/1.36/amd64/default', VERSION);
    assert.match(await readFile(join(marker, 'removed.json'), 'utf8'), /rootfs\.squashfs/);
  },
};

/** The versions that clients see now. */
async function publishedVersions(): Promise<string[]> {
  const { products } = await server.images();
  return Object.keys(products['busybox:1.36:amd64:default']?.versions ?? {});
}

describe('the commands of README.md that need only Node', () => {
  for (const line of README_LINES.local) it(line, () => steps[line](line));
});
