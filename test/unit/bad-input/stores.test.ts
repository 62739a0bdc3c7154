import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { scanStore } from '../../../src/pipeline/indexing/scan.ts';
import { update } from '../../../src/pipeline/indexing/update.ts';
import { StoreError, type StoreErrorCode } from '../../../src/storage/errors.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { faultyStore } from '../../support/stores/faulty-store.ts';
import {
  freshStore,
  put,
  readAsClient,
  splitImage,
  testContext,
  text,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

/** A store that fails with `code` at every call that the rule matches. */
function failing(
  store: ObjectStore,
  code: StoreErrorCode,
  fits: (method: string, key: string) => boolean,
): ObjectStore {
  return faultyStore(store, ({ method, key }, moment) => {
    if (moment === 'before' && fits(method, key)) {
      throw new StoreError(code, method, `${method} ${key}: ${code}`, { key });
    }
  });
}

const NEW = versionPath('20240102');
const public_ = async (store: ObjectStore) => [
  await text(store, 'streams/v1/index.json'),
  await text(store, 'streams/v1/images.json'),
];

describe('a store that is full', () => {
  for (const place of ['catalog/', 'streams/v1/images.json', 'streams/v1/index.json']) {
    it(`at ${place} keeps what is public, and the next run completes the work`, async (t) => {
      const store = await freshStore(t);
      await indexVersions(
        testContext(store),
        await put(store, splitImage(versionPath('20240101'), 'a')),
      );
      const before = await public_(store);
      const dirty = await put(store, splitImage(NEW, 'b'));
      const full = failing(
        store,
        'no_space',
        (method, key) => method === 'write' && key.startsWith(place),
      );
      await assert.rejects(indexVersions(testContext(full), dirty), { code: 'no_space' });
      const [index, images] = await public_(store);
      assert.equal(index, before[0]);
      if (place !== 'streams/v1/index.json') assert.equal(images, before[1]);
      await readAsClient(store);
      await indexVersions(testContext(store), dirty);
      const { items } = await readAsClient(store);
      assert.ok(items.some((item) => item.includes(' 20240102 ')));
    });
  }
});

describe('a store that denies access', () => {
  for (const method of ['list', 'read']) {
    it(`to ${method} is not treated as a store without images`, async (t) => {
      const store = await freshStore(t);
      const path = versionPath('20240101');
      const dirty = await put(store, splitImage(path, 'a'));
      await indexVersions(testContext(store), dirty);
      const before = await public_(store);
      const catalog = await text(store, 'catalog/catalog.json');
      const closed = failing(store, 'access_denied', (name) => name === method);
      if (method === 'list') {
        // One folder may be denied and the others readable: only its version is retried.
        const { outcomes } = await indexVersions(testContext(closed), dirty);
        assert.equal(outcomes.get(path)?.kind, 'again');
      } else {
        await assert.rejects(indexVersions(testContext(closed), dirty), { code: 'access_denied' });
      }
      const attempts = [
        () => scanStore(testContext(closed), {}),
        () => update(testContext(closed)),
      ];
      for (const attempt of attempts) await assert.rejects(attempt(), { code: 'access_denied' });
      assert.deepEqual(await public_(store), before);
      assert.equal(await text(store, 'catalog/catalog.json'), catalog);
    });
  }
});
