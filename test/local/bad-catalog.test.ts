import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cliOutput, runCli, startServe } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { placeImage, randomImage } from '../support/images/image-files.ts';
import { temporaryFolder } from '../support/temporary.ts';

const PRODUCT = 'busybox/1.36/amd64/default';
const NAME = 'busybox:1.36:amd64:default';

const cases: readonly (readonly [
  what: string,
  spoil: (catalog: string) => string,
  said: RegExp,
])[] = [
  ['is damaged', (text) => text.slice(0, text.length / 2), /bucketstreams update/],
  [
    'is of a newer program',
    (text) => text.replace('"schema":2', '"schema":99'),
    /schema 99.*upgrade bucketstreams/,
  ],
];

describe('serve on a store whose catalog', () => {
  for (const [what, spoil, said] of cases) {
    it(`${what} still serves what is published, and shows what to do`, async () => {
      await using folder = await temporaryFolder();
      const data = join(folder.path, 'data');
      const store = ['--store', `file:${data}`];
      const [old, added] = [randomImage(), randomImage()];
      await placeImage(data, `${PRODUCT}/20250101`, old);
      await cliOutput(['update', ...store]);
      const path = join(data, 'catalog/catalog.json');
      const catalog = await readFile(path, 'utf8');
      const spoilt = spoil(catalog);
      assert.notEqual(spoilt, catalog);
      await writeFile(path, spoilt);
      await placeImage(data, `${PRODUCT}/20250102`, added);

      const server = await startServe(data);
      try {
        await eventually(() => /^error: .*catalog/m.test(server.stderr()));
        assert.match(server.stderr(), said);
        const versions = (await server.images()).products[NAME]?.versions ?? {};
        assert.deepEqual(Object.keys(versions), ['20250101']);
        const root = `images/${PRODUCT}/20250101/rootfs.squashfs`;
        assert.deepEqual(await server.get(root), old.root);
        const status = await runCli(['status', ...store]);
        assert.match(status.stdout, /^Problem .*catalog/m);
        assert.equal(await readFile(path, 'utf8'), spoilt);
      } finally {
        await server.stop();
      }
    });
  }
});
