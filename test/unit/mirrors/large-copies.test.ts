import assert from 'node:assert/strict';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fanOut } from '../../../src/mirrors/fan-out.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import { eventually } from '../../support/eventually.ts';
import { faultyStore } from '../../support/stores/faulty-store.ts';
import { mirrorOf, namedItems } from '../../support/stores/mirror-fixture.ts';
import {
  freshStore,
  projection,
  put,
  splitImage,
  testContext,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** More files than a fan-out copies at once. */
const LARGE_ROOTS = 16;
/** Large for a fan-out, although the file needs no disk blocks here. */
const LARGE_SIZE = 17 * 1024 * 1024;
const IMAGES = 'streams/v1/images.json';
const [EARLY, LATE] = ['iats/early/amd64/default', 'iats/late/amd64/default'];

/**
 * A master of large roots, and a mirror where the copy of each root waits until `open` is called.
 */
async function scene(t: TestContext) {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const master = await openDirectoryStore({ path: folder.path, settleMs: 0 });
  t.after(() => master.close());
  const context = testContext(master, {
    pause: (ms, signal) => delay(Math.min(ms, 10), undefined, { signal }).catch(() => undefined),
  });
  const large = Array.from({ length: LARGE_ROOTS }, (_, at) => versionPath(String(20240101 + at)));
  for (const prefix of large) {
    await mkdir(join(folder.path, prefix), { recursive: true });
    await writeFile(join(folder.path, prefix, 'lxd.tar.xz'), `metadata of ${prefix}`);
    await writeFile(join(folder.path, prefix, 'rootfs.squashfs'), '');
    await truncate(join(folder.path, prefix, 'rootfs.squashfs'), LARGE_SIZE);
  }
  await indexVersions(context, large);

  const store = await freshStore(t);
  const gate = Promise.withResolvers<undefined>();
  const waiting = new Set<string>();
  const isLarge = (key: string) =>
    key.endsWith('rootfs.squashfs') && large.some((prefix) => key.startsWith(prefix));
  const gated = faultyStore(store, async ({ method, key }, moment) => {
    if (moment === 'after' || !isLarge(key) || (method !== 'copy' && method !== 'upload')) return;
    waiting.add(key);
    await gate.promise;
  });
  return {
    master,
    store,
    context,
    mirror: mirrorOf(gated),
    waiting,
    open: () => gate.resolve(undefined),
  };
}

describe('large copies of a fan-out', () => {
  it('may wait without delaying a small version', async (t) => {
    const { master, store, context, mirror, waiting, open } = await scene(t);
    const running = fanOut(context, mirror);
    try {
      // All slots for large copies are in use before there is a small version.
      await eventually(() => waiting.size > 1, 20_000);
      for (const product of [EARLY, LATE]) {
        const small = versionPath('20240201', product);
        await indexVersions(context, await put(master, splitImage(small, product)));
        await eventually(async () => {
          const paths = (await namedItems(store)).map(({ path }) => path);
          return paths.includes(`${small}rootfs.squashfs`);
        }, 20_000);
      }
      assert.ok(waiting.size > 1, 'large ones run beside each other');
      assert.ok(
        (await namedItems(store)).every(({ path }) => !waiting.has(path)),
        'none of what stands still is named',
      );
    } finally {
      open();
    }
    const report = await running;
    assert.deepEqual([...report.failures], []);
    assert.equal(waiting.size, LARGE_ROOTS, 'and each of them was copied at last');
    assert.equal(await projection(store, IMAGES), await projection(master, IMAGES));
  });
});
