import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scanStore } from '../../../../src/pipeline/indexing/scan.ts';
import { finishRemovals } from '../../../../src/pipeline/removal/finish-removals.ts';
import { indexVersions } from '../../../../src/pipeline/indexing/index-versions.ts';
import { removeVersions } from '../../../../src/pipeline/removal/remove-versions.ts';
import { update } from '../../../../src/pipeline/indexing/update.ts';
import { StoreError } from '../../../../src/storage/errors.ts';
import { Crash, faultyStore } from '../../../support/stores/faulty-store.ts';
import { memoryStore } from '../../../support/stores/memory-store.ts';
import {
  freshStore,
  projection,
  put,
  readAsClient,
  splitImage,
  storedCatalog,
  storedVersion,
  testContext,
  text,
  versionPath,
} from '../../../support/stores/pipeline-fixture.ts';

const IMAGES = 'streams/v1/images.json';
const FIRST = versionPath('20240101');
const SECOND = versionPath('20240102');
const REF = {
  product: { os: 'iats', release: 'xenial', arch: 'amd64', variant: 'default' },
  version: '20240101',
};

function manyImages(count: number): Record<string, string> {
  const images = Array.from({ length: count }, (_, at) =>
    splitImage(versionPath(`20240101_${String(at).padStart(3, '0')}`), `image ${at}`),
  );
  return Object.assign({}, ...images) as Record<string, string>;
}

describe('update', () => {
  it('makes the same public files as events, except for the generation', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    const files = { ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') };
    await indexVersions(context, await put(store, files));
    const byEvents = await projection(store, IMAGES);
    await store.remove('catalog/catalog.json');
    await update(testContext(store));
    assert.equal(await projection(store, IMAGES), byEvents);
    await update(testContext(store), { rehash: true });
    assert.equal(await projection(store, IMAGES), byEvents);
  });

  it('finds bytes that changed under an unchanged look only when it reads all again', async (t) => {
    const store = await freshStore(t);
    await indexVersions(testContext(store), await put(store, splitImage(FIRST, 'one')));
    const catalog = (await text(store, 'catalog/catalog.json')) ?? '';
    const sha256 = (await storedVersion(store, FIRST))?.files['rootfs.squashfs']?.sha256;
    assert.ok(sha256);
    await put(store, { 'catalog/catalog.json': catalog.replaceAll(sha256, 'f'.repeat(64)) });
    await update(testContext(store), { rehash: true });
    await readAsClient(store);
    assert.ok((await text(store, IMAGES))?.includes(sha256));
  });

  it('keeps what is public until a lost or damaged catalog is complete again', async (t) => {
    for (const damage of [undefined, 'not json']) {
      const store = await freshStore(t);
      const files = { ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') };
      await indexVersions(testContext(store), await put(store, files));
      if (damage === undefined) await store.remove('catalog/catalog.json');
      else await put(store, { 'catalog/catalog.json': damage });
      const listed = new Set<number>();
      const watched = faultyStore(store, async () => {
        listed.add((await readAsClient(store)).items.length);
      });
      await update(testContext(watched));
      assert.deepEqual([...listed], [6]);
      const { generation } = await readAsClient(store);
      assert.equal(generation, (await storedCatalog(store)).generation);
    }
  });

  it('rebuilds from the last copy of the catalog without reading the images again', async (t) => {
    const store = await freshStore(t);
    await indexVersions(testContext(store), await put(store, splitImage(FIRST, 'one')));
    await scanStore(testContext(store));
    const { store: id } = await storedCatalog(store);
    await put(store, { 'catalog/catalog.json': 'damaged' });
    const reads: string[] = [];
    const watched = faultyStore(store, ({ method, key }) => {
      if (method === 'read' && key.startsWith('images/')) reads.push(key);
    });
    await update(testContext(watched));
    assert.deepEqual(reads, []);
    assert.equal((await readAsClient(store)).items.length, 3);
    assert.equal((await storedCatalog(store)).store, id);
  });

  it('is completed by scans after it was killed', async (t) => {
    const store = await freshStore(t);
    const files = { ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') };
    await indexVersions(testContext(store), await put(store, files));
    await store.remove('catalog/catalog.json');
    const killed = faultyStore(store, ({ method, key }) => {
      if (method === 'read' && key.endsWith('rootfs.squashfs')) throw new Crash('killed');
    });
    await assert.rejects(update(testContext(killed)), Crash);
    assert.equal((await storedCatalog(store)).rebuilding, true);
    for (let sweep = 0; sweep < 2; sweep++) {
      const { dirty } = await scanStore(testContext(store));
      assert.equal((await readAsClient(store)).items.length, 6);
      await indexVersions(testContext(store), dirty);
    }
    const { generation } = await readAsClient(store);
    assert.equal(generation, (await storedCatalog(store)).generation);
    assert.equal((await storedCatalog(store)).rebuilding, undefined);
  });

  it('publishes a higher generation when an old catalog was restored', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    await indexVersions(context, await put(store, splitImage(FIRST, 'one')));
    const old = (await text(store, 'catalog/catalog.json')) ?? '';
    await indexVersions(context, await put(store, splitImage(SECOND, 'two')));
    const before = (await readAsClient(store)).generation;
    await put(store, { 'catalog/catalog.json': old });
    await update(testContext(store));
    const after = await readAsClient(store);
    assert.ok(after.generation > before);
    assert.equal(after.items.length, 6);
  });

  it("takes over another program's public files, when all images are indexed", async (t) => {
    const store = await freshStore(t);
    await put(store, { ...splitImage(FIRST, 'one'), [IMAGES]: '{"products":{}}' });
    await update(testContext(store));
    assert.equal((await readAsClient(store)).items.length, 3);
  });

  it('holds the removal of many versions until it is confirmed, and still adds', async (t) => {
    const store = await freshStore(t);
    await update(testContext(store), { onRefused: () => undefined });
    await indexVersions(testContext(store), await put(store, manyImages(15)));
    for await (const { key } of store.list('images/')) {
      if (!key.includes('_014')) await store.remove(key);
    }
    await put(store, splitImage(SECOND, 'new'));
    const report = await update(testContext(store));
    assert.equal(report.heldRemovals, 14);
    assert.equal(
      Object.keys(
        (await storedCatalog(store)).products['iats:xenial:amd64:default']?.versions ?? {},
      ).length,
      16,
    );
    await update(testContext(store), { acceptRemovals: true });
    assert.equal((await readAsClient(store)).items.length, 6);
  });

  it('does not treat an interrupted listing as complete', async (t) => {
    const store = await freshStore(t);
    await indexVersions(testContext(store), await put(store, splitImage(FIRST, 'one')));
    const before = await text(store, IMAGES);
    for (const code of ['unavailable', 'access_denied'] as const) {
      const broken = faultyStore(store, ({ method }) => {
        if (method === 'list') throw new StoreError(code, 'list', 'the listing broke off');
      });
      await assert.rejects(update(testContext(broken)), { code });
      assert.equal(await text(store, IMAGES), before);
    }
  });
});

describe('scanStore', () => {
  it('names what differs from the catalog, and what cannot be an image', async (t) => {
    const store = await freshStore(t);
    await indexVersions(testContext(store), await put(store, splitImage(FIRST, 'one')));
    await put(store, {
      ...splitImage(SECOND, 'two'),
      'images/too/shallow': 'x',
      'images/a/b/c+d/e/20240101/lxd.tar.xz': 'x',
      [`${FIRST}README`]: 'x',
    });
    const refused: string[] = [];
    const { dirty, catalog } = await scanStore(testContext(store), {
      onRefused: (key) => refused.push(key),
    });
    assert.deepEqual(dirty, [SECOND]);
    assert.equal(refused.length, 3);
    assert.equal(catalog.ignored.count, 3);
    await indexVersions(testContext(store), dirty);
    assert.deepEqual((await scanStore(testContext(store))).dirty, []);
  });
});

describe('removal', () => {
  it('ends the names first, then deletes the bytes after the grace, and the marker last', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    await indexVersions(
      context,
      await put(store, { ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') }),
    );
    await removeVersions(context, [{ ref: REF }]);
    await indexVersions(context, [FIRST]);
    assert.equal((await readAsClient(store)).items.length, 3);
    assert.equal((await storedVersion(store, FIRST))?.state, 'removed');
    await finishRemovals(context, { graceMs: 60_000 });
    await finishRemovals(context, { graceMs: 60_000 });
    assert.ok(await store.stat(`${FIRST}rootfs.squashfs`));
    context.advance(60_001);
    const { deleted } = await finishRemovals(context, { graceMs: 60_000 });
    assert.deepEqual(deleted, [FIRST]);
    await indexVersions(context, deleted);
    assert.deepEqual(await Array.fromAsync(store.list(FIRST)), []);
    assert.equal(await storedVersion(store, FIRST), undefined);
  });

  it('deletes a version with thousands of files at once', async () => {
    const store = memoryStore('many');
    const context = testContext(store);
    const files = splitImage(FIRST, 'one');
    for (let at = 0; at < 5000; at++) files[`${FIRST}delta-from-${at}.vcdiff`] = 'delta';
    await indexVersions(context, await put(store, files));
    await removeVersions(context, [{ ref: REF }]);
    const marker = await store.stat(`${FIRST}removed.json`);
    assert.ok(marker && marker.size > 256 * 1024);
    await indexVersions(context, [FIRST]);
    assert.equal((await storedVersion(store, FIRST))?.state, 'removed');
  });

  it('survives a rebuild: what was withdrawn stays withdrawn', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    await indexVersions(context, await put(store, splitImage(FIRST, 'one')));
    await removeVersions(context, [{ ref: REF }]);
    await indexVersions(context, [FIRST]);
    await store.remove('catalog/catalog.json');
    await update(testContext(store));
    assert.deepEqual((await readAsClient(store)).items, []);
  });

  it('keeps a new upload under a withdrawn name', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    await indexVersions(context, await put(store, splitImage(FIRST, 'one')));
    await removeVersions(context, [{ ref: REF }]);
    await indexVersions(context, [FIRST]);
    await indexVersions(context, await put(store, splitImage(FIRST, 'another')));
    assert.equal((await readAsClient(store)).items.length, 3);
    for (let sweep = 0; sweep < 3; sweep++) {
      const { deleted } = await finishRemovals(context, { graceMs: 0 });
      await indexVersions(context, deleted);
      assert.equal((await readAsClient(store)).items.length, 3);
    }
    assert.equal(await store.stat(`${FIRST}removed.json`), undefined);
  });
});
