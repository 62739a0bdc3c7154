import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CATALOG_KEY } from '../../../../src/catalog/document.ts';
import { listIgnoredKeys } from '../../../../src/cli/shared/listing.ts';
import { scanStore } from '../../../../src/pipeline/indexing/scan.ts';
import { update } from '../../../../src/pipeline/indexing/update.ts';
import { DENIED } from '../../../../src/storage/directory/list.ts';
import { openDirectoryStore } from '../../../../src/storage/directory/store.ts';
import type { ObjectStore } from '../../../../src/storage/object-store.ts';
import {
  freshStore,
  put,
  readAsClient,
  splitImage,
  storedCatalog,
  testContext,
  versionPath,
} from '../../../support/stores/pipeline-fixture.ts';
import { asNobody } from '../../../support/users.ts';

const SHUT_VERSION = versionPath('20260101', 'shut/1/amd64/version');
const SHUT_PRODUCT = versionPath('20260101', 'shut/1/amd64/product');
const PRODUCT_FOLDER = SHUT_PRODUCT.replace('20260101/', '');
const GONE = versionPath('20260101', 'open/1/amd64/default');
const NEW = versionPath('20260102', 'open/1/amd64/default');

async function withMode(store: ObjectStore, folder: string, mode: number): Promise<void> {
  await chmod(fileURLToPath(new URL(folder, `${store.url}/`)), mode);
}

/** Three published products, one of them with a product.toml. */
async function published(t: TestContext): Promise<ObjectStore> {
  const store = await freshStore(t);
  await put(store, {
    ...splitImage(SHUT_VERSION, 'one'),
    ...splitImage(SHUT_PRODUCT, 'two'),
    [`${PRODUCT_FOLDER}product.toml`]: 'release_title = "First"',
    ...splitImage(GONE, 'three'),
  });
  await update(testContext(store));
  return store;
}

async function versionsListed(store: ObjectStore): Promise<readonly string[]> {
  const { items } = await readAsClient(store);
  return [...new Set(items.map((item) => item.split(' ').slice(0, 2).join(' ')))];
}

describe('a folder that may not be read', () => {
  it('keeps its versions in the catalog, and delays nothing else', (t) =>
    asNobody(async () => {
      const store = await published(t);
      await withMode(store, SHUT_VERSION, 0o000);
      await withMode(store, PRODUCT_FOLDER, 0o000);
      for (const name of ['lxd.tar.xz', 'rootfs.squashfs']) await store.remove(`${GONE}${name}`);
      await put(store, splitImage(NEW, 'four'));

      const { dirty } = await scanStore(testContext(store));
      assert.deepEqual([...dirty].sort(), [GONE, NEW]);
      await update(testContext(store), { rehash: true });
      await withMode(store, SHUT_VERSION, 0o755);
      await withMode(store, PRODUCT_FOLDER, 0o755);
      assert.deepEqual(await versionsListed(store), [
        'open:1:amd64:default 20260102',
        'shut:1:amd64:product 20260101',
        'shut:1:amd64:version 20260101',
      ]);
      const { products } = await storedCatalog(store);
      assert.equal(products['shut:1:amd64:product']?.file?.values.releaseTitle, 'First');
      assert.deepEqual((await scanStore(testContext(store))).dirty, []);
    }));

  it('is listed among the ignored keys', (t) =>
    asNobody(async () => {
      const store = await published(t);
      await withMode(store, SHUT_VERSION, 0o000);
      const skipped = new Map<string, string>();
      const reader = await openDirectoryStore({
        path: fileURLToPath(store.url),
        use: 'read',
        onSkipped: (key, reason) => void skipped.set(key, reason),
      });
      const refused = await listIgnoredKeys(reader, skipped);
      await reader.close();
      await withMode(store, SHUT_VERSION, 0o755);
      assert.deepEqual(
        refused.map(({ key, reason }) => [key, reason]),
        [[SHUT_VERSION, DENIED]],
      );
    }));

  it('does not prevent the first catalog of a new store', (t) =>
    asNobody(async () => {
      const store = await freshStore(t);
      await put(store, { ...splitImage(SHUT_VERSION, 'one'), ...splitImage(NEW, 'two') });
      await withMode(store, SHUT_VERSION, 0o000);
      await update(testContext(store));
      await withMode(store, SHUT_VERSION, 0o755);
      assert.deepEqual(await versionsListed(store), ['open:1:amd64:default 20260102']);
      assert.deepEqual((await scanStore(testContext(store))).dirty, [SHUT_VERSION]);
    }));

  it('stops the rebuilding of a lost catalog, which would lose its versions', (t) =>
    asNobody(async () => {
      const store = await published(t);
      const before = await versionsListed(store);
      await store.remove(CATALOG_KEY);
      await store.remove(`${CATALOG_KEY}.previous`);
      await withMode(store, SHUT_VERSION, 0o000);
      await assert.rejects(
        update(testContext(store)),
        (error: Error) => error.message.includes(SHUT_VERSION) && /denied/.test(error.message),
      );
      await withMode(store, SHUT_VERSION, 0o755);
      assert.deepEqual(await versionsListed(store), before);
      await update(testContext(store));
      assert.deepEqual(await versionsListed(store), before);
    }));

  it('has no effect inside a version', (t) =>
    asNobody(async () => {
      const store = await freshStore(t);
      await put(store, { ...splitImage(NEW, 'one'), [`${NEW}notes/file`]: 'x' });
      await withMode(store, `${NEW}notes`, 0o000);
      await update(testContext(store));
      await withMode(store, `${NEW}notes`, 0o755);
      assert.deepEqual(await versionsListed(store), ['open:1:amd64:default 20260102']);
    }));
});
