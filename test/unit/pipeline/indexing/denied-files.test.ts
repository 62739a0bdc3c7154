import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serializeRemoval } from '../../../../src/catalog/removal.ts';
import { scanStore } from '../../../../src/pipeline/indexing/scan.ts';
import { indexVersions } from '../../../../src/pipeline/indexing/index-versions.ts';
import { StoreError } from '../../../../src/storage/errors.ts';
import { faultyStore } from '../../../support/stores/faulty-store.ts';
import {
  freshStore,
  put,
  readAsClient,
  splitImage,
  storedCatalog,
  storedVersion,
  testContext,
  versionPath,
} from '../../../support/stores/pipeline-fixture.ts';

const VERSION = versionPath('20260101');
const PRODUCT_FILE = VERSION.replace('20260101/', 'product.toml');

describe('a small file that the store denies', () => {
  it('is read by the next scan that is allowed to, although it stays the same', async (t) => {
    const store = await freshStore(t);
    const withdrawn = (await store.write(`${VERSION}disk.qcow2`, Buffer.from('disk'))).etag;
    const dirty = await put(store, {
      ...splitImage(VERSION, 'one'),
      [`${VERSION}SHA256SUMS`]: '# nothing\n',
      [`${VERSION}removed.json`]: serializeRemoval({ 'disk.qcow2': withdrawn }),
      [PRODUCT_FILE]: 'release_title = "Xenial"',
    });
    let denied = true;
    const guarded = faultyStore(store, ({ method, key }) => {
      if (denied && method === 'read' && /SHA256SUMS$|removed\.json$|product\.toml$/.test(key)) {
        throw new StoreError('access_denied', 'read', `denied: ${key}`, { key });
      }
    });
    const context = testContext(guarded);
    await indexVersions(context, dirty);
    assert.equal((await storedVersion(store, VERSION))?.state, 'rejected');

    const { dirty: again } = await scanStore(context);
    assert.deepEqual([...again].sort(), [...dirty].sort());
    const { generation } = await storedCatalog(store);
    await indexVersions(context, again);
    assert.equal((await storedCatalog(store)).generation, generation, 'nothing new, no commit');

    denied = false;
    await indexVersions(context, (await scanStore(context)).dirty);
    assert.equal((await readAsClient(store)).items.length, 3);
    const version = await storedVersion(store, VERSION);
    assert.deepEqual(version?.removal?.files, { 'disk.qcow2': withdrawn });
    const { products } = await storedCatalog(store);
    const file = products['iats:xenial:amd64:default']?.file;
    assert.equal(file?.values.releaseTitle, 'Xenial');
    assert.equal(file.denied, undefined);
    assert.deepEqual((await scanStore(context)).dirty, []);
  });
});
