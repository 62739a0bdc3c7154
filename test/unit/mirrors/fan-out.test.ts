import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { adoptMirror } from '../../../src/mirrors/adopt.ts';
import { fanOut } from '../../../src/mirrors/fan-out.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { removeVersions } from '../../../src/pipeline/removal/remove-versions.ts';
import { update } from '../../../src/pipeline/indexing/update.ts';
import { StoreError } from '../../../src/storage/errors.ts';
import { Crash, faultyStore } from '../../support/stores/faulty-store.ts';
import {
  mirrorOf,
  namedItems,
  publicRevision,
  storedMirror,
} from '../../support/stores/mirror-fixture.ts';
import {
  freshStore,
  projection,
  put,
  readAsClient,
  splitImage,
  storedCatalog,
  testContext,
  text,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

const FIRST = versionPath('20240101');
const SECOND = versionPath('20240102');
const IMAGES = 'streams/v1/images.json';
const INDEX = 'streams/v1/index.json';

async function scene(t: TestContext) {
  const [master, store] = [await freshStore(t), await freshStore(t)];
  const context = testContext(master);
  const publish = async (files: Parameters<typeof put>[1]) =>
    indexVersions(context, await put(master, files));
  return { master, store, context, publish, mirror: mirrorOf(store) };
}

function equalStreams(a: Parameters<typeof projection>[0], b: typeof a) {
  return Promise.all(
    [IMAGES, INDEX].map(async (key) =>
      assert.equal(await projection(a, key), await projection(b, key)),
    ),
  );
}

function remove(context: ReturnType<typeof testContext>, version: string) {
  const product = { os: 'iats', release: 'xenial', arch: 'amd64', variant: 'default' };
  return removeVersions(context, [{ ref: { product, version } }]);
}

describe('fan-out', () => {
  it('copies to a new mirror until its public files are the same', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish({ ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
    const report = await fanOut(context, mirror);
    assert.equal(report.copied, 4);
    assert.equal(report.missing.files, 0);
    assert.equal(report.failures.size, 0);
    await equalStreams(store, master);
    assert.equal((await readAsClient(store)).items.length, 6);
    const { generation } = await storedCatalog(master);
    assert.deepEqual(await publicRevision(store), { catalog: generation, mirror: report.revision });
  });

  it('writes nothing when there is nothing to do', async (t) => {
    const { store, context, publish, mirror } = await scene(t);
    await publish(splitImage(FIRST, 'one'));
    await fanOut(context, mirror);
    const writes: string[] = [];
    const watched = faultyStore(store, ({ method, key }) => void writes.push(`${method} ${key}`));
    await fanOut(context, { ...mirror, store: watched });
    assert.deepEqual(
      writes.filter((call) => !/^(read|list|stat) /.test(call)),
      [],
    );
    writes.length = 0;
    await fanOut(context, { ...mirror, store: watched }, { quick: true });
    assert.deepEqual(
      writes.filter((call) => !call.startsWith('read ')),
      [],
      'not even a list',
    );
  });

  it('names a new version only after its bytes, beside the old ones', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish(splitImage(FIRST, 'one'));
    await fanOut(context, mirror);
    await publish(splitImage(SECOND, 'two'));
    const observed: number[] = [];
    const watched = faultyStore(store, async ({ method }, moment) => {
      if (moment === 'after' && method !== 'read')
        observed.push((await readAsClient(store)).items.length);
    });
    await fanOut(context, { ...mirror, store: watched });
    assert.deepEqual([...new Set(observed)], [3, 6]);
    await equalStreams(store, master);
  });

  it('removes the name before the bytes change, when the master was overwritten', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish({ ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
    await fanOut(context, mirror);
    await publish({ [`${FIRST}rootfs.squashfs`]: 'other bytes' });
    const watched = faultyStore(store, async (_, moment) => {
      if (moment === 'after') await readAsClient(store);
    });
    await fanOut(context, { ...mirror, store: watched });
    await equalStreams(store, master);
    assert.equal(await text(store, `${FIRST}rootfs.squashfs`), 'other bytes');
    assert.deepEqual((await storedMirror(store)).pendingDeletion, {});
  });

  it('withholds overwritten bytes while an edge may have the old ones', async (t) => {
    const { master, store, mirror } = await scene(t);
    const context = testContext(master, { settings: { edgeSeconds: 60 } });
    const publish = async (files: Parameters<typeof put>[1]) =>
      indexVersions(context, await put(master, files));
    await publish({ ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
    await fanOut(context, mirror);
    await publish({ [`${FIRST}rootfs.squashfs`]: 'other bytes' });
    context.advance(61_000);
    await indexVersions(context, [FIRST]);
    await fanOut(context, mirror);
    assert.equal(await text(store, `${FIRST}rootfs.squashfs`), 'other bytes');
    assert.equal(
      (await readAsClient(store)).items.length,
      3,
      'the master names it, the mirror not yet',
    );
    context.advance(61_000);
    await fanOut(context, mirror);
    await equalStreams(store, master);
  });

  it('deletes removed bytes after its own grace, and not before', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish({ ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
    await fanOut(context, mirror, { graceMs: 60_000 });
    await remove(context, '20240101');
    await indexVersions(context, [FIRST]);
    const report = await fanOut(context, mirror, { graceMs: 60_000 });
    assert.equal(report.leaving, 2);
    await equalStreams(store, master);
    assert.equal(await text(store, `${FIRST}rootfs.squashfs`), 'root of one');
    context.advance(59_000);
    await fanOut(context, mirror, { graceMs: 60_000 });
    assert.equal(await text(store, `${FIRST}rootfs.squashfs`), 'root of one');
    context.advance(2000);
    assert.equal((await fanOut(context, mirror, { graceMs: 60_000, quick: true })).leaving, 0);
    assert.equal(await text(store, `${FIRST}rootfs.squashfs`), undefined);
    assert.equal(await text(store, `${FIRST}lxd.tar.xz`), undefined);
    await equalStreams(store, master);
  });

  it('counts the grace from the end of the names, even if it was killed several times before', async (t) => {
    const { store, context, publish, mirror } = await scene(t);
    await publish({ ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
    await fanOut(context, mirror, { graceMs: 60_000 });
    await remove(context, '20240101');
    await indexVersions(context, [FIRST]);
    for (let kills = 0; kills < 3; kills++) {
      const cut = faultyStore(store, ({ method, key }) => {
        if (method === 'write' && key === IMAGES) throw new Crash('killed');
      });
      await assert.rejects(fanOut(context, { ...mirror, store: cut }, { graceMs: 60_000 }), Crash);
      context.advance(61_000);
    }
    assert.equal((await namedItems(store)).length, 6);
    await fanOut(context, mirror, { graceMs: 60_000 });
    assert.equal((await namedItems(store)).length, 3);
    assert.equal(await text(store, `${FIRST}rootfs.squashfs`), 'root of one');
    context.advance(61_000);
    await fanOut(context, mirror, { graceMs: 60_000 });
    assert.equal(await text(store, `${FIRST}rootfs.squashfs`), undefined);
  });

  it('keeps a pending deletion that is needed again', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish({ ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
    await fanOut(context, mirror);
    await fanOut(context, { ...mirror, filter: { include: [], exclude: [], newest: 1 } });
    assert.equal((await readAsClient(store)).items.length, 3);
    const report = await fanOut(context, mirror);
    assert.equal(report.copied, 0);
    assert.equal(report.leaving, 0);
    await equalStreams(store, master);
  });

  it('mirrors a part by patterns and number, and keeps an older version until the newer one is copied', async (t) => {
    const { store, context, publish } = await scene(t);
    const other = versionPath('20240101', 'debian/12/arm64/cloud');
    await publish({ ...splitImage(FIRST, 'one'), ...splitImage(other, 'three') });
    const mirror = mirrorOf(store, {
      filter: { include: ['iats'], exclude: ['*/*/arm64'], newest: 1 },
    });
    await fanOut(context, mirror);
    const versions = async () =>
      [...new Set((await readAsClient(store)).items.map((item) => item.split(' ')[1]))].join();
    assert.equal(await versions(), '20240101');
    await publish(splitImage(SECOND, 'two'));
    const full = faultyStore(store, ({ method, key }, moment) => {
      if (method === 'copy' && moment === 'before')
        throw new StoreError('no_space', method, 'full', { key });
    });
    const report = await fanOut(context, { ...mirror, store: full });
    assert.ok(report.failures.size > 0);
    assert.equal(await versions(), '20240101', 'named until its successor is proven');
    await fanOut(context, mirror);
    assert.equal(await versions(), '20240102');
  });

  it('drops what was deleted or changed on the mirror, and copies it again', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish({ ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
    await fanOut(context, mirror);
    await store.remove(`${FIRST}rootfs.squashfs`);
    await put(store, { [`${SECOND}rootfs.squashfs`]: 'evil of two' });
    await fanOut(context, mirror);
    await readAsClient(store);
    await equalStreams(store, master);
  });

  it('reads existing files instead of copying them', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish({ ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
    await put(store, { ...splitImage(FIRST, 'one'), [`${SECOND}rootfs.squashfs`]: 'root of TWO' });
    const report = await fanOut(context, mirror);
    assert.equal(report.copied, 2, 'the one that is wrong and the one that is not there');
    await equalStreams(store, master);
    await readAsClient(store);
  });

  it('publishes nothing for another master or a lower generation until it is adopted', async (t) => {
    const { store, context, publish, mirror } = await scene(t);
    await publish(splitImage(FIRST, 'one'));
    await fanOut(context, mirror);
    const before = await text(store, IMAGES);

    const rival = await freshStore(t);
    const other = testContext(rival);
    await indexVersions(other, await put(rival, splitImage(SECOND, 'two')));
    await assert.rejects(fanOut(other, mirror), { code: 'mirror_bound' });
    assert.equal(await text(store, IMAGES), before);

    await adoptMirror(other, mirror);
    await fanOut(other, mirror);
    await equalStreams(store, rival);
    await assert.rejects(fanOut(context, mirror), { code: 'mirror_bound' });
  });

  it('never publishes an older state when an old catalog was restored on the master', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish(splitImage(FIRST, 'one'));
    const old = await text(master, 'catalog/catalog.json');
    await publish(splitImage(SECOND, 'two'));
    await fanOut(context, mirror);
    const reached = await publicRevision(store);
    for (const key of [IMAGES, INDEX]) await master.remove(key);
    await put(master, { 'catalog/catalog.json': old! });
    await assert.rejects(fanOut(context, mirror), { code: 'mirror_bound' });
    await adoptMirror(context, mirror);
    await fanOut(context, mirror);
    assert.ok((await publicRevision(store))!.catalog > reached!.catalog);
    await equalStreams(store, master);
  });

  it('deletes nothing when the master is empty, not mounted or being rebuilt', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish(splitImage(FIRST, 'one'));
    await fanOut(context, mirror);
    const before = await text(store, IMAGES);
    await assert.rejects(fanOut(testContext(await freshStore(t)), mirror), {
      code: 'master_empty',
    });
    const catalog = await storedCatalog(master);
    await put(master, {
      'catalog/catalog.json': JSON.stringify({
        ...catalog,
        rebuilding: true,
        generation: catalog.generation + 1,
        products: {},
      }),
    });
    await assert.rejects(fanOut(context, mirror), { code: 'master_empty' });
    assert.equal(await text(store, IMAGES), before);
    await update(context);
    await fanOut(context, mirror);
    await equalStreams(store, master);
  });

  it('adopts a tree that another program made, and reads its files before it publishes', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish({ ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
    await put(store, { ...splitImage(FIRST, 'one'), [IMAGES]: '{"products":{}}', [INDEX]: '{}' });
    await assert.rejects(fanOut(context, mirror), { code: 'streams_foreign' });
    await adoptMirror(context, mirror);
    const report = await fanOut(context, mirror);
    assert.equal(report.copied, 2);
    await equalStreams(store, master);
  });

  it('makes a lost or damaged document again on demand only, above the public revision', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish(splitImage(FIRST, 'one'));
    await fanOut(context, mirror);
    const reached = await publicRevision(store);
    await store.remove('catalog/mirror.json');
    await assert.rejects(fanOut(context, mirror), { code: 'mirror_lost' });
    await put(store, { 'catalog/mirror.json': '{"schema":1' });
    await assert.rejects(fanOut(context, mirror), { code: 'mirror_unreadable' });
    await adoptMirror(context, mirror);
    assert.equal((await fanOut(context, mirror)).copied, 0);
    assert.ok((await publicRevision(store))!.mirror! > reached!.mirror!);
    await equalStreams(store, master);
  });

  it('publishes a higher revision after its document was set back', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish(splitImage(FIRST, 'one'));
    await fanOut(context, mirror);
    const old = await text(store, 'catalog/mirror.json');
    await store.remove(`${FIRST}rootfs.squashfs`);
    await fanOut(context, mirror);
    await put(store, { 'catalog/mirror.json': old! });
    await fanOut(context, mirror);
    await readAsClient(store);
    await equalStreams(store, master);
    const document = await storedMirror(store);
    assert.deepEqual(await publicRevision(store), {
      catalog: document.generation,
      mirror: document.revision,
    });
  });

  it('keeps its progress when the mirror is full', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish({ ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
    let room = 2;
    const full = faultyStore(store, ({ method, key }, moment) => {
      if (method === 'copy' && moment === 'before' && room-- <= 0) {
        throw new StoreError('no_space', method, 'the disk is full', { key });
      }
    });
    const report = await fanOut(context, { ...mirror, store: full });
    assert.ok(report.failures.size > 0);
    assert.equal(Object.keys((await storedMirror(store)).files).length, 2);
    await readAsClient(store);
    await fanOut(context, mirror);
    await equalStreams(store, master);
    assert.ok((await namedItems(store)).length > 0);
  });

  it('rejects bytes that differ from the catalog', async (t) => {
    const { master, store, context, publish, mirror } = await scene(t);
    await publish(splitImage(FIRST, 'one'));
    // This is like damage on a disk: other bytes of the same size, under the same ETag.
    const key = `${FIRST}rootfs.squashfs`;
    const damaged = faultyStore(master, () => undefined);
    const read: typeof master.read = async (wanted, options) => {
      const body = await master.read(wanted, options);
      if (wanted !== key) return body;
      const chunks = (await Array.fromAsync(body.stream as AsyncIterable<Buffer>)).map((chunk) =>
        Buffer.alloc(chunk.length),
      );
      return { ...body, stream: (await import('node:stream')).Readable.from(chunks) };
    };
    const report = await fanOut(testContext({ ...damaged, read }), mirror);
    assert.ok(report.failures.has(key));
    assert.equal(await text(store, key), undefined);
    assert.deepEqual(await namedItems(store), []);
    await fanOut(context, mirror);
    await equalStreams(store, master);
  });
});
