import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runCli, startServe, type Server } from '../../support/cli.ts';
import { sha256 } from '../../support/images/image-files.ts';
import { METADATA_YAML, tarArchive } from '../../support/images/tar-archive.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const PRODUCT = 'busybox/1.36/amd64/default';

const resources = new AsyncDisposableStack();
let folder: string;
let server: Server;
let metadata: string;

before(async () => {
  folder = resources.use(await temporaryFolder()).path;
  server = await startServe(join(folder, 'data'));
  resources.defer(async () => {
    await server.stop();
  });
  metadata = join(folder, 'lxd.tar.xz');
  await writeFile(metadata, tarArchive([{ path: 'metadata.yaml', content: METADATA_YAML }]));
});
after(() => resources.disposeAsync());

/** A root with new bytes, and its fingerprint with the metadata. */
async function newRoot(name: string) {
  const path = join(folder, name);
  const bytes = Buffer.concat([Buffer.from('hsqs'), randomBytes(50_000)]);
  await writeFile(path, bytes);
  return { path, fingerprint: sha256(await readFile(metadata), bytes) };
}

const publish = (data: string, ...args: readonly string[]) =>
  runCli(['publish', '-p', PRODUCT, '--store', `file:${join(folder, data)}`, ...args]);

async function fingerprintOf(version: string): Promise<string | undefined> {
  const product = (await server.images()).products[PRODUCT.replaceAll('/', ':')];
  return product?.versions[version]?.items['lxd.tar.xz']?.combined_squashfs_sha256;
}

describe('publish --wait', () => {
  it('ends with 1 and the reason when the version can never be public', async () => {
    const root = await newRoot('wrong.squashfs');
    const sums = join(folder, 'SHA256SUMS');
    await writeFile(sums, `${'0'.repeat(64)}  rootfs.squashfs\n`);
    const args = ['--version', '20250101', '--wait', '--json', metadata, root.path, sums];
    const { code, stdout, stderr } = await publish('data', ...args);
    assert.equal(code, 1);
    assert.match(stderr, /20250101 is not public: it is rejected: .*SHA256SUMS says 0000/);
    const { state, reason } = JSON.parse(stdout) as { state: string; reason: string };
    assert.equal(state, 'unpublished');
    assert.match(reason, /SHA256SUMS/);
  });

  it('ends with 1 when another version already has its image', async () => {
    const root = await newRoot('twice.squashfs');
    const first = await publish('data', '--version', '20250103', '--wait', metadata, root.path);
    assert.equal(first.code, 0, first.stderr);
    const again = ['--version', '20250102', '--wait', metadata, root.path];
    const { code, stderr } = await publish('data', ...again);
    assert.equal(code, 1);
    assert.match(stderr, /20250102 is not public: it is duplicate: .* 20250103 /);
  });

  it('waits as long as --timeout allows when no program indexes', async () => {
    const root = await newRoot('alone.squashfs');
    const { code, stderr } = await publish(
      'unserved',
      ...['--wait', '--timeout', '1', metadata, root.path],
    );
    assert.equal(code, 1);
    assert.match(stderr, /nothing has indexed it yet.*`bucketstreams serve`.*\(waited 1 s\)/);
  });
});

describe('publish --force', () => {
  it('alone replaces files of a version with other bytes', async () => {
    const [root, other] = [await newRoot('one.squashfs'), await newRoot('two.squashfs')];
    const version = ['--version', '20250110', '--wait'];
    const first = await publish('data', ...version, metadata, root.path);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(await fingerprintOf('20250110'), root.fingerprint);
    const refused = await publish('data', ...version, metadata, other.path);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /rootfs\.squashfs is in file:.* with other bytes.*--force/);
    assert.equal(await fingerprintOf('20250110'), root.fingerprint);
    const forced = await publish('data', ...version, '--force', metadata, other.path);
    assert.equal(forced.code, 0, forced.stderr);
    assert.equal(await fingerprintOf('20250110'), other.fingerprint);
  });
});
