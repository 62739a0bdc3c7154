import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { listIgnoredKeys } from '../../../src/cli/shared/listing.ts';
import { update } from '../../../src/pipeline/indexing/update.ts';
import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import {
  readAsClient,
  splitImage,
  storedCatalog,
  testContext,
} from '../../support/stores/pipeline-fixture.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const PRODUCT = 'images/iats/xenial/amd64/default';
const GOOD = `${PRODUCT}/20240101/`;

/** Keys that cannot be images, and the reasons that their uploader reads. */
const REFUSED: readonly (readonly [key: string, reason: RegExp])[] = [
  [`${PRODUCT}/20240102+1/lxd.tar.xz`, /the version "20240102\+1" has characters/],
  ['images/i%61ts/xenial/amd64/default/20240102/lxd.tar.xz', /the name "i%61ts" has characters/],
  ['images/iats/xenial?/amd64/default/20240102/lxd.tar.xz', /the name "xenial\?" has characters/],
  ['images/iats/xenial/#amd64/default/20240102/lxd.tar.xz', /the name "#amd64" has characters/],
  ['images/ia\\ts/xenial/amd64/default/20240102/lxd.tar.xz', /the name "ia\\\\ts" has characters/],
  ['images/iats/xe nial/amd64/default/20240102/lxd.tar.xz', /the name "xe nial" has characters/],
  ['images/iäts/xenial/amd64/default/20240102/lxd.tar.xz', /the name "iäts" has characters/],
  ['images/ia:ts/xenial/amd64/default/20240102/lxd.tar.xz', /the name "ia:ts" has characters/],
  [`${PRODUCT}/20240102/nested/lxd.tar.xz`, /too deep: images\/<os>/],
  ['images/iats/xenial/amd64/20240102/lxd.tar.xz', /too shallow: images\/<os>/],
  ['images/lxd.tar.xz', /too shallow: images\/<os>/],
  [`${PRODUCT}/latest/lxd.tar.xz`, /the version "latest" does not start with a date/],
  [`${PRODUCT}/20241301/lxd.tar.xz`, /the version "20241301" does not start with a date/],
  [`${PRODUCT}/2024-01-02/lxd.tar.xz`, /the version "2024-01-02" does not start with a date/],
  [`${PRODUCT}/20240103/notes.txt`, /none of an image's files/],
];

describe('files that cannot be images', () => {
  it('are reported with the reason, and affect nothing else', async () => {
    await using folder = await temporaryFolder();
    const write = async (key: string | Buffer, content: string) => {
      await writeFile(key, content);
    };
    for (const [key] of REFUSED) {
      await mkdir(join(folder.path, dirname(key)), { recursive: true });
      await write(join(folder.path, key), `of ${key}`);
    }
    for (const [key, content] of Object.entries(splitImage(GOOD, 'good'))) {
      await mkdir(join(folder.path, dirname(key)), { recursive: true });
      await write(join(folder.path, key), content);
    }
    // Latin-1, which is not valid UTF-8 here.
    const stray = Buffer.concat([Buffer.from(`${join(folder.path, GOOD)}caf`), Buffer.of(0xe9)]);
    await write(stray, 'x');
    await symlink('20240101', join(folder.path, PRODUCT, '20240105'));

    const skipped = new Map<string, string>();
    const store = await openDirectoryStore({
      path: folder.path,
      settleMs: 0,
      onSkipped: (key, reason) => void skipped.set(key, reason),
    });
    const report = await update(testContext(store));
    const told = new Map((await listIgnoredKeys(store)).map(({ key, reason }) => [key, reason]));
    for (const [key, reason] of REFUSED) assert.match(told.get(key) ?? '', reason, key);
    assert.match(told.get(`${GOOD}caf\ufffd`) ?? '', /./);
    assert.equal(told.size, REFUSED.length + 1);
    assert.match(skipped.get(`${PRODUCT}/20240105`) ?? '', /link/);

    assert.ok(report.refused > 0);
    const catalog = await storedCatalog(store);
    assert.equal(catalog.ignored.count, report.refused);
    assert.deepEqual(Object.keys(catalog.products), ['iats:xenial:amd64:default']);
    const { items } = await readAsClient(store);
    assert.ok(items.length > 0);
    for (const item of items) assert.match(item, /^iats:xenial:amd64:default 20240101 /);
    await store.close();
  });
});
