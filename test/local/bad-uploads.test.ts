import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { cliOutput, runCli, startServe } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { placeImage, randomImage } from '../support/images/image-files.ts';

const PRODUCT = 'busybox/1.36/amd64/default';

interface Entry {
  readonly product: string | null;
  readonly version: string | null;
  readonly key?: string;
  readonly state: string;
  readonly reason: string | null;
}

describe('a mistake of an uploader', () => {
  let folder: string;
  let data: string;
  let store: readonly string[];
  let entries: readonly Entry[];
  let updated: { readonly refused: number };

  const path = (...names: readonly string[]) => join(data, 'images', ...names);
  const entry = (fits: (one: Entry) => boolean) => entries.find(fits);

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bad-uploads-'));
    data = join(folder, 'data');
    store = ['--store', `file:${data}`];
    await placeImage(data, `${PRODUCT}/20250101`, randomImage());
    await writeFile(path(PRODUCT, '20250101/lxd_combined.tar.gz'), 'unified');
    await mkdir(path(PRODUCT, '20250102'));
    await writeFile(path(PRODUCT, '20250102/lxd.tar.xz'), 'metadata');
    await writeFile(path(PRODUCT, '20250102/rootfs.squashfs'), '');
    await symlink('20250101', path(PRODUCT, '20250103'));
    await writeFile(path(PRODUCT, 'product.toml'), 'release_title = 12\n');
    await writeFile(path('stray'), 'x');
    updated = JSON.parse(await cliOutput(['update', '--json', ...store])) as typeof updated;
    const printed = await cliOutput(['list', '--all', '--json', ...store]);
    entries = JSON.parse(printed) as Entry[];
  });
  after(() => rm(folder, { recursive: true }));

  it('is reported: a unified file beside a split pair', () => {
    const one = entry(({ version }) => version === '20250101');
    assert.equal(one?.state, 'published');
    assert.match(
      one.reason ?? '',
      /^lxd_combined\.tar\.gz is not listed: the version has metadata/,
    );
  });

  it('is reported: an empty file, with its name', () => {
    const one = entry(({ version }) => version === '20250102');
    assert.deepEqual([one?.state, one?.reason], ['incomplete', 'rootfs.squashfs is empty']);
  });

  it('is reported: a symbolic link, with what to do about it', async () => {
    const one = entry(({ key }) => key === `images/${PRODUCT}/20250103`);
    assert.equal(one?.state, 'refused');
    assert.match(one.reason ?? '', /symbolic link.*not followed.*put the file or folder itself/);
    assert.match(await cliOutput(['list', '--all', ...store]), /20250103 +refused .*symbolic link/);
  });

  it('is reported: a wrong product.toml, with the position', async () => {
    const one = entry(({ key }) => key === `images/${PRODUCT}/product.toml`);
    assert.equal(one?.product, PRODUCT.replaceAll('/', ':'));
    assert.equal(one.state, 'refused');
    assert.match(one.reason ?? '', /line 1: release_title/);
    assert.match(await cliOutput(['list', '--all', ...store]), /product\.toml +refused /);
  });

  it('is counted by update, links too', async () => {
    assert.equal(updated.refused, 2);
    assert.match(await cliOutput(['update', ...store]), /^2 files are no images: .*list --all/m);
    assert.match(await cliOutput(['status', ...store]), /; 2 files are no images$/m);
  });

  it('is shown by status at once', async () => {
    const served = join(folder, 'served');
    const server = await startServe(served, ['--scan-every', '86400']);
    try {
      await mkdir(join(served, 'images'));
      await writeFile(join(served, 'images/stray'), 'x');
      await eventually(() => server.stderr().includes('images/stray'));
      const text = await cliOutput(['status', '--json', '--store', `file:${served}`]);
      assert.equal((JSON.parse(text) as { refused: number }).refused, 1);
    } finally {
      await server.stop();
    }
  });

  it('stores nothing for a product that no client would list', async () => {
    const root = path(PRODUCT, '20250101/rootfs.squashfs');
    const made = join(folder, 'none');
    const args = ['publish', '-p', 'a/b/zz80/c', '--store', `file:${made}`, root];
    const { code, stderr } = await runCli(args);
    assert.equal(code, 2);
    assert.match(stderr, /architecture "zz80"/);
    assert.equal((await runCli(['list', '--store', `file:${made}`])).code, 3);
  });
});
