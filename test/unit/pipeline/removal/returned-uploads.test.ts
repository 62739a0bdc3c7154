import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { serializeRemoval } from '../../../../src/catalog/removal.ts';
import { scanStore } from '../../../../src/pipeline/indexing/scan.ts';
import { finishRemovals } from '../../../../src/pipeline/removal/finish-removals.ts';
import { removeVersions } from '../../../../src/pipeline/removal/remove-versions.ts';
import { indexAll, update } from '../../../../src/pipeline/indexing/update.ts';
import { openDirectoryStore } from '../../../../src/storage/directory/store.ts';
import type { ETag, ObjectStore } from '../../../../src/storage/object-store.ts';
import { memoryStore } from '../../../support/stores/memory-store.ts';
import {
  put,
  readAsClient,
  splitImage,
  storedVersion,
  testContext,
  versionPath,
} from '../../../support/stores/pipeline-fixture.ts';

const FIRST = versionPath('20240101');
const FILES = { ...splitImage(FIRST, 'one'), [`${FIRST}SHA256SUMS`]: '\n' };
const REF = {
  product: { os: 'iats', release: 'xenial', arch: 'amd64', variant: 'default' },
  version: '20240101',
};
const GRACE = { graceMs: 60_000 };

/** A store with one version, published and then withdrawn. */
async function withdrawn(
  store: ObjectStore = memoryStore('returned', undefined, clock()),
): Promise<World> {
  const context = testContext(store);
  const index = async (prefixes: readonly string[]) => {
    await indexAll(context, prefixes);
  };
  const world: World = {
    store,
    index,
    remove: async () => {
      await removeVersions(context, [{ ref: REF }]);
      await index([FIRST]);
    },
    endGrace: async () => {
      await finishRemovals(context, GRACE);
      context.advance(GRACE.graceMs + 1);
      await index((await finishRemovals(context, GRACE)).deleted);
      await index((await scanStore(context)).dirty);
    },
    listed: async () => (await readAsClient(store)).items.length,
    names: async () =>
      (await Array.fromAsync(store.list(FIRST))).map(({ key }) => key.slice(FIRST.length)),
  };
  await index(await put(store, FILES));
  assert.equal(await world.listed(), 3);
  await world.remove();
  assert.equal(await world.listed(), 0);
  return world;
}

interface World {
  readonly store: ObjectStore;
  readonly index: (prefixes: readonly string[]) => Promise<void>;
  readonly remove: () => Promise<void>;
  /** Lets the grace pass, and then does the work of sweeps. */
  readonly endGrace: () => Promise<void>;
  readonly listed: () => Promise<number>;
  readonly names: () => Promise<string[]>;
}

/** Every call is a second later than the one before. */
function clock(): () => number {
  let now = Date.parse('2024-01-01T00:00:00Z');
  return () => (now += 1000);
}

const ALL = ['SHA256SUMS', 'lxd.tar.xz', 'rootfs.squashfs'];

describe('the same bytes stored again during a removal', () => {
  it('are published again, and kept after the removal', async () => {
    const { store, index, endGrace, listed, names } = await withdrawn();
    await index(await put(store, FILES));
    assert.equal(await listed(), 3);
    assert.ok((await storedVersion(store, FIRST))?.checksums);
    await endGrace();
    assert.equal(await listed(), 3);
    assert.deepEqual(await names(), ALL);
  });

  it('are found by a scan', async () => {
    const { store, index, listed } = await withdrawn();
    assert.deepEqual((await scanStore(testContext(store))).dirty, []);
    await put(store, FILES);
    const { dirty } = await scanStore(testContext(store));
    assert.deepEqual(dirty, [FIRST]);
    await index(dirty);
    assert.equal(await listed(), 3);
    assert.deepEqual((await scanStore(testContext(store))).dirty, []);
  });

  it('are not deleted even if they were not indexed before the grace ends', async () => {
    const { store, endGrace, listed, names } = await withdrawn();
    await put(store, FILES);
    await endGrace();
    assert.deepEqual(await names(), ALL);
    assert.equal(await listed(), 3);
  });

  it('are published again by a new catalog', async () => {
    const { store, index, listed } = await withdrawn();
    await index(await put(store, FILES));
    await store.remove('catalog/catalog.json');
    await update(testContext(store));
    assert.equal(await listed(), 3);
  });

  it('are kept alone where the other files did not return', async () => {
    const { store, index, endGrace, listed, names } = await withdrawn();
    await index(await put(store, { [`${FIRST}lxd.tar.xz`]: FILES[`${FIRST}lxd.tar.xz`]! }));
    assert.equal(await listed(), 0);
    await endGrace();
    assert.deepEqual(await names(), ['lxd.tar.xz']);
  });

  it('are deleted when they are removed again, after a new grace', async () => {
    const { store, index, remove, endGrace, listed, names } = await withdrawn();
    await index(await put(store, FILES));
    await remove();
    assert.equal(await listed(), 0);
    assert.deepEqual(await names(), [...ALL, 'removed.json'].sort());
    await endGrace();
    assert.deepEqual(await names(), []);
  });

  it('in the second of the withdrawn upload cannot be distinguished from it', async () => {
    const store = memoryStore('one second', undefined, () => 0);
    const { index, endGrace, listed, names } = await withdrawn(store);
    await index(await put(store, FILES));
    assert.equal(await listed(), 0);
    await endGrace();
    assert.deepEqual(await names(), []);
  });

  it('stay withdrawn by a marker without times', async () => {
    const { store, index, endGrace, listed, names } = await withdrawn();
    const entries: [string, ETag][] = [];
    for await (const { key, etag } of store.list(FIRST)) {
      if (!key.endsWith('removed.json')) entries.push([key.slice(FIRST.length), etag]);
    }
    await put(store, { [`${FIRST}removed.json`]: serializeRemoval(Object.fromEntries(entries)) });
    await index(await put(store, FILES));
    assert.equal(await listed(), 0);
    await endGrace();
    assert.deepEqual(await names(), []);
  });

  it('are not withdrawn by a marker with an invalid time', async () => {
    const { store, index, listed } = await withdrawn();
    const { etag } = (await store.stat(`${FIRST}lxd.tar.xz`))!;
    const marker = { schema: 1, files: { 'lxd.tar.xz': etag }, times: { 'lxd.tar.xz': 'today' } };
    await put(store, { [`${FIRST}removed.json`]: JSON.stringify(marker) });
    await index([FIRST]);
    assert.equal(await listed(), 3);
    const problem = (await storedVersion(store, FIRST))?.removal?.problem;
    assert.match(problem ?? '', /times\["lxd\.tar\.xz"\] is no time/);
  });

  it('in a directory are a new upload, for any modification time', async (t) => {
    const path = await mkdtemp(join(tmpdir(), 'bucketstreams-returned-'));
    const store = await openDirectoryStore({ path, settleMs: 0 });
    t.after(async () => {
      await store.close();
      await rm(path, { recursive: true, force: true });
    });
    const { index, endGrace, listed, names } = await withdrawn(store);
    for (const name of ALL) {
      const file = join(path, FIRST, name);
      const { atime, mtime } = await stat(file);
      await copyFile(file, join(path, 'copy'));
      await rm(file);
      await copyFile(join(path, 'copy'), file);
      await utimes(file, atime, mtime);
    }
    await rm(join(path, 'copy'));
    await index([FIRST]);
    assert.equal(await listed(), 3);
    await endGrace();
    assert.equal(await listed(), 3);
    assert.deepEqual(await names(), ALL);
  });
});
