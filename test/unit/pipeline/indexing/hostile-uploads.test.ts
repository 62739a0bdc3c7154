import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scanStore } from '../../../../src/pipeline/indexing/scan.ts';
import { finishRemovals } from '../../../../src/pipeline/removal/finish-removals.ts';
import { indexVersions } from '../../../../src/pipeline/indexing/index-versions.ts';
import { METADATA_LIMIT } from '../../../../src/pipeline/indexing/read-version.ts';
import { removeVersions } from '../../../../src/pipeline/removal/remove-versions.ts';
import { serializeRemoval } from '../../../../src/catalog/removal.ts';
import { StoreError } from '../../../../src/storage/errors.ts';
import type { ETag, ObjectStore } from '../../../../src/storage/object-store.ts';
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

const BAD = versionPath('20240101', 'rogue/one/amd64/default');
const GOOD = versionPath('20240102');
const DAY = 24 * 60 * 60;

/** A store whose objects seem to have another size or time, as a file system allows. */
function disguised(
  store: ObjectStore,
  key: string,
  as: { readonly size?: number; readonly lastModified?: number },
): ObjectStore {
  return {
    ...faultyStore(store, () => undefined),
    async *list(prefix, options) {
      for await (const info of store.list(prefix, options)) {
        yield info.key === key ? { ...info, ...as } : info;
      }
    },
  };
}

async function goodIsListed(store: ObjectStore): Promise<void> {
  const { items } = await readAsClient(store);
  assert.equal(items.filter((item) => item.startsWith('iats:')).length, 3);
}

describe('a hostile upload', () => {
  it('is not named with metadata that was only read in part', async (t) => {
    const store = await freshStore(t);
    const large = Buffer.alloc(METADATA_LIMIT + 1, 'x');
    const dirty = await put(store, {
      [`${BAD}incus.tar.xz`]: large,
      [`${BAD}rootfs.squashfs`]: 'root',
      ...splitImage(GOOD, 'good'),
    });
    const { outcomes } = await indexVersions(testContext(store), dirty);
    assert.equal(outcomes.get(BAD)?.kind, 'done');
    const version = await storedVersion(store, BAD);
    assert.equal(version?.state, 'rejected');
    assert.match(version.reason ?? '', /metadata of more than/);
    await goodIsListed(store);
  });

  it('is listed as far as it can be read, and is then done', async (t) => {
    const store = await freshStore(t);
    const dirty = await put(store, {
      ...splitImage(BAD, 'one'),
      [`${BAD}incus.tar.xz`]: Buffer.alloc(METADATA_LIMIT + 1, 'x'),
      [`${BAD}disk.qcow2`]: 'large',
      [`${BAD}uefi1.img`]: 'large too',
    });
    const disguise = disguised(
      disguised(store, `${BAD}disk.qcow2`, { size: 2 ** 50 }),
      `${BAD}uefi1.img`,
      { size: 2 ** 50 },
    );
    const context = testContext(disguise);
    const limits = { deadline: context.now() + 900_000, invocationMs: 900_000 };
    const { outcomes } = await indexVersions(context, dirty, limits);
    assert.deepEqual(outcomes.get(BAD), { kind: 'done' });
    const { items } = await readAsClient(store);
    assert.ok(items.includes('rogue:one:amd64:default 20240101 squashfs'), items.join());
    const { reason } = (await storedVersion(store, BAD)) ?? {};
    assert.match(reason ?? '', /^not all of it is listed: .*incus\.tar\.xz/);
    assert.match(reason ?? '', /disk\.qcow2 is too large for the function/);
    assert.deepEqual((await scanStore(context)).dirty, []);
    const again = await indexVersions(context, dirty, limits);
    assert.deepEqual(again.outcomes.get(BAD), { kind: 'done' });
  });

  it('cannot damage the catalog with a time or a size that no double holds', async (t) => {
    const store = await freshStore(t);
    const dirty = await put(store, { ...splitImage(BAD, 'bad'), ...splitImage(GOOD, 'good') });
    const disguise = disguised(
      disguised(store, `${BAD}lxd.tar.xz`, { lastModified: 2 ** 60 }),
      `${BAD}rootfs.squashfs`,
      { size: 2 ** 60 },
    );
    const limits = { deadline: Date.now() + 900_000, invocationMs: 900_000 };
    await indexVersions(testContext(disguise), dirty, limits);
    assert.equal((await storedVersion(store, BAD))?.state, 'rejected');
    await goodIsListed(store);
  });

  it('is not indexed again and again because of files of no version', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    const dirty = await put(store, {
      ...splitImage(GOOD, 'good'),
      [`${GOOD}deeper/a.vcdiff`]: 'delta',
      [`${GOOD}very/deep/b.vcdiff`]: 'delta',
    });
    await indexVersions(context, dirty);
    assert.deepEqual((await scanStore(context)).dirty, []);
    assert.deepEqual(Object.keys((await storedVersion(store, GOOD))?.files ?? {}).sort(), [
      'lxd.tar.xz',
      'rootfs.squashfs',
    ]);
  });

  it('is not indexed again and again because of withdrawn checksums', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    const dirty = await put(store, { ...splitImage(GOOD, 'good'), [`${GOOD}SHA256SUMS`]: '\n' });
    await indexVersions(context, dirty);
    const product = { os: 'iats', release: 'xenial', arch: 'amd64', variant: 'default' };
    await removeVersions(context, [{ ref: { product, version: '20240102' } }]);
    await indexVersions(context, dirty);
    assert.equal((await storedVersion(store, GOOD))?.state, 'removed');
    assert.deepEqual((await scanStore(context)).dirty, []);
  });

  it('withdraws only its own files', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    const dirty = await put(store, { ...splitImage(BAD, 'bad'), ...splitImage(GOOD, 'good') });
    await indexVersions(context, dirty);
    const etag = async (key: string) => (await store.stat(key))?.etag ?? ('' as ETag);
    const neighbour = `${GOOD}rootfs.squashfs`;
    const marker = serializeRemoval({
      'rootfs.squashfs': await etag(`${BAD}rootfs.squashfs`),
      [`../../../../../${neighbour.slice('images/'.length)}`]: await etag(neighbour),
      'deeper/x.vcdiff': 'x' as ETag,
      'removed.json': 'x' as ETag,
      '': 'x' as ETag,
      __proto__x: 'x' as ETag,
    });
    await store.write(`${BAD}removed.json`, marker);
    await indexVersions(context, dirty);
    assert.deepEqual((await scanStore(context)).dirty, []);
    await finishRemovals(context, { graceMs: 1000 });
    context.advance(2000);
    assert.deepEqual((await finishRemovals(context, { graceMs: 1000 })).deleted, [BAD]);
    await indexVersions(context, [BAD, GOOD]);
    assert.equal(await store.stat(`${BAD}rootfs.squashfs`), undefined);
    assert.equal(await store.stat(`${BAD}removed.json`), undefined);
    await goodIsListed(store);
  });

  it('cannot fill the catalog with checksums of meaningless files', async (t) => {
    const store = await freshStore(t);
    const line = (name: string) => `${'0'.repeat(64)}  ${name}\n`;
    const sums = Array.from({ length: 3000 }, (_, i) => line(`file-${i}.iso`)).join('');
    const dirty = await put(store, { ...splitImage(GOOD, 'good'), [`${GOOD}SHA256SUMS`]: sums });
    await indexVersions(testContext(store), dirty);
    assert.ok(JSON.stringify(await storedCatalog(store)).length < 5000);
    await goodIsListed(store);
  });

  it('that cannot be read delays no other version', async (t) => {
    const store = await freshStore(t);
    const denied = faultyStore(store, ({ method, key }, moment) => {
      if (moment === 'before' && key.startsWith(BAD) && method !== 'stat') {
        throw new StoreError('access_denied', method, `access to ${key} is denied`, { key });
      }
    });
    const dirty = await put(store, { ...splitImage(BAD, 'bad'), ...splitImage(GOOD, 'good') });
    const { outcomes } = await indexVersions(testContext(denied), dirty);
    assert.equal(outcomes.get(BAD)?.kind, 'again');
    await goodIsListed(store);
  });

  it('that may not be deleted delays no other removal', async (t) => {
    const store = await freshStore(t);
    const denied = faultyStore(store, ({ method, key }, moment) => {
      if (moment === 'before' && key.startsWith(BAD) && method === 'remove') {
        throw new StoreError('access_denied', method, `deleting ${key} is denied`, { key });
      }
    });
    const context = testContext(denied);
    const dirty = await put(store, { ...splitImage(BAD, 'bad'), ...splitImage(GOOD, 'good') });
    await indexVersions(context, dirty);
    await removeVersions(context, [
      { ref: { product: productOf('rogue', 'one'), version: '20240101' } },
      { ref: { product: productOf('iats', 'xenial'), version: '20240102' } },
    ]);
    await indexVersions(context, dirty);
    await finishRemovals(context, { graceMs: 1000 });
    context.advance(2000);
    assert.deepEqual((await finishRemovals(context, { graceMs: 1000 })).deleted, [GOOD]);
    assert.equal(await store.stat(`${GOOD}rootfs.squashfs`), undefined);
    assert.equal((await storedVersion(store, BAD))?.removal?.condemned, true);
  });
});

describe('a published name whose bytes change', () => {
  it('is removed before the new bytes are read, although the version keeps another root', async (t) => {
    const store = await freshStore(t);
    const dirty = await put(store, { ...splitImage(GOOD, 'one'), [`${GOOD}disk.qcow2`]: 'disk' });
    await indexVersions(testContext(store), dirty);
    await put(store, { [`${GOOD}disk.qcow2`]: 'another disk' });
    let reads = 0;
    const watched = faultyStore(store, async ({ method, key }, moment) => {
      if (method !== 'read' || moment === 'after' || !key.endsWith('disk.qcow2')) return;
      reads += 1;
      const { items } = await readAsClient(store);
      assert.equal(items.filter((item) => item.endsWith('disk-kvm.img')).length, 0);
      assert.equal(items.length, 3);
    });
    await indexVersions(testContext(watched), dirty);
    assert.equal(reads, 1);
    assert.equal((await readAsClient(store)).items.length, 4);
  });

  it('needs no wait when the new bytes will never be read', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    const dirty = await put(store, splitImage(GOOD, 'one'));
    await indexVersions(context, dirty);
    await put(store, { [`${GOOD}lxd.tar.xz`]: '' });
    for (let look = 0; look < 2; look++) {
      context.advance(1000);
      await indexVersions(context, dirty);
    }
    assert.equal((await storedVersion(store, GOOD))?.embargoed, undefined);
    assert.deepEqual((await scanStore(context)).dirty, []);
  });

  it('stays embargoed while an edge may hold the old bytes, although it was rejected in between', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store, { settings: { edgeSeconds: DAY } });
    const dirty = await put(store, splitImage(GOOD, 'one'));
    await indexVersions(context, dirty);
    // A recursive copy does this: the new checksums arrive before the new bytes.
    await put(store, { [`${GOOD}SHA256SUMS`]: `${'0'.repeat(64)}  rootfs.squashfs\n` });
    await indexVersions(context, dirty);
    assert.equal((await storedVersion(store, GOOD))?.state, 'rejected');
    await put(store, { [`${GOOD}rootfs.squashfs`]: 'new' });
    await store.remove(`${GOOD}SHA256SUMS`);
    await indexVersions(context, dirty);
    assert.equal((await storedVersion(store, GOOD))?.state, 'replaced');
    context.advance(DAY * 1000 + 1);
    await indexVersions(context, dirty);
    assert.equal((await storedVersion(store, GOOD))?.state, 'published');
    context.advance(DAY * 1000 + 1);
    await indexVersions(context, dirty);
    assert.equal((await storedVersion(store, GOOD))?.embargoed, undefined);
    assert.deepEqual((await scanStore(context)).dirty, []);
  });
});

function productOf(os: string, release: string) {
  return { os, release, arch: 'amd64', variant: 'default' };
}
