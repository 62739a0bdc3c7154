import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cliOutput, startCli, type PublicImages } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { placeImage, randomImage } from '../support/images/image-files.ts';
import { temporaryFolder } from '../support/temporary.ts';

const PRODUCT = 'iats/xenial/amd64/default';

describe('watch', () => {
  it('keeps an adopted tree up to date for another web server, until SIGTERM', async () => {
    await using folder = await temporaryFolder();
    const tree = join(folder.path, 'simplestreams');
    const store = ['--store', `file:${tree}`];
    const [old, added] = [randomImage(), randomImage()];
    await placeImage(tree, `${PRODUCT}/20180716_12:00`, old);
    await mkdir(join(tree, 'streams/v1'), { recursive: true });
    await writeFile(join(tree, 'streams/v1/index.json'), '{"index": {}}');
    await cliOutput(['init', ...store], { cwd: folder.path });

    const published = async () => {
      const text = await readFile(join(tree, 'streams/v1/images.json'), 'utf8');
      const { products } = JSON.parse(text) as PublicImages;
      const versions = products[PRODUCT.replaceAll('/', ':')]?.versions ?? {};
      return Object.entries(versions)
        .map(
          ([version, { items }]) => `${version} ${items['lxd.tar.xz']?.combined_squashfs_sha256}`,
        )
        .toSorted();
    };
    const first = `20180716_12:00 ${old.fingerprint}`;
    assert.deepEqual(await published(), [first]);

    // The name of --scan-every until version 0.1.
    const watching = startCli(['watch', ...store, '--settle', '0.3', '--enumerate-every', '86400']);
    try {
      await eventually(() => watching.stderr().includes('watching'));
      const place = await placeImage(tree, `${PRODUCT}/20250101`, added);
      const second = `20250101 ${added.fingerprint}`;
      await eventually(async () => (await published()).join() === `${first},${second}`);
      await rm(place, { recursive: true });
      await eventually(async () => (await published()).join() === first);
    } finally {
      watching.child.kill('SIGTERM');
    }
    const { code, stdout } = await watching.ended;
    assert.deepEqual([code, stdout], [0, '']);
  });
});
