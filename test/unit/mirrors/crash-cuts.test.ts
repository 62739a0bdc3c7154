import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adoptMirror } from '../../../src/mirrors/adopt.ts';
import { mapConcurrently } from '../../../src/pipeline/concurrently.ts';
import type { PipelineContext } from '../../../src/pipeline/context.ts';
import { fanOut } from '../../../src/mirrors/fan-out.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { removeVersions } from '../../../src/pipeline/removal/remove-versions.ts';
import { compareRevisions } from '../../../src/simplestreams/generation.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { Crash, faultyStore, type Moment } from '../../support/stores/faulty-store.ts';
import { memoryStore } from '../../support/stores/memory-store.ts';
import { mirrorOf, publicRevision } from '../../support/stores/mirror-fixture.ts';
import {
  projection,
  put,
  readAsClient,
  splitImage,
  testContext,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

const [FIRST, SECOND, THIRD] = ['20240101', '20240102', '20240103'].map((version) =>
  versionPath(version),
) as [string, string, string];
const PRODUCT = { os: 'iats', release: 'xenial', arch: 'amd64', variant: 'default' };

interface Scene {
  readonly prepare: (master: PipelineContext, mirror: ObjectStore) => Promise<unknown>;
  readonly adopt?: true;
}

const publish = async (context: PipelineContext, files: Parameters<typeof put>[1]) =>
  indexVersions(context, await put(context.store, files));

const SCENES: Readonly<Record<string, Scene>> = {
  'a new mirror': {
    prepare: (master) =>
      publish(master, { ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') }),
  },
  'one version added, one overwritten, one removed': {
    prepare: async (master, mirror) => {
      await publish(master, { ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
      await fanOut(master, mirrorOf(mirror));
      await publish(master, { [`${FIRST}rootfs.squashfs`]: 'other bytes' });
      await publish(master, splitImage(THIRD, 'three'));
      await removeVersions(master, [{ ref: { product: PRODUCT, version: '20240102' } }]);
      await indexVersions(master, [SECOND]);
    },
  },
  'a mirror with a foreign file': {
    prepare: async (master, mirror) => {
      await publish(master, { ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
      await fanOut(master, mirrorOf(mirror));
      // The names are removed at once. Until the change is found, no client can be right.
      await put(mirror, { [`${THIRD}rootfs.squashfs`]: 'of another size than the new root' });
      await publish(master, splitImage(THIRD, 'three'));
    },
  },
  'a tree of another program': {
    adopt: true,
    prepare: async (master, mirror) => {
      await publish(master, { ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') });
      await put(mirror, splitImage(FIRST, 'one'));
      await put(mirror, { [`${SECOND}rootfs.squashfs`]: 'wrong' });
      const empty = '"format":"products:1.0","content_id":"images","datatype":"image-downloads"';
      await put(mirror, {
        'streams/v1/images.json': `{${empty},"products":{}}`,
        'streams/v1/index.json': '{"format":"index:1.0","index":{}}',
      });
    },
  },
};

describe('a fan-out killed at any of its calls', () => {
  for (const [name, scene] of Object.entries(SCENES)) {
    it(`never publishes a wrong name and is completed by the next one: ${name}`, async () => {
      const calls = await run(scene, undefined);
      const cuts = Array.from({ length: calls }, (_, at) => at + 1).flatMap((number) =>
        (['before', 'after'] as const).map((moment) => ({ number, moment })),
      );
      assert.ok(calls > 10);
      await mapConcurrently(cuts, 4, (cut) => run(scene, cut));
    });
  }
});

/**
 * Runs a scene until the cut, and once more. Gives the number of calls to the mirror until the cut.
 */
async function run(
  { prepare, adopt }: Scene,
  cut: { readonly number: number; readonly moment: Moment } | undefined,
): Promise<number> {
  const where = cut ? `cut ${cut.moment} call ${cut.number}` : 'not cut';
  const [master, store] = [memoryStore('master'), memoryStore('mirror')];
  const context = testContext(master);
  await prepare(context, store);
  const act = async (mirror: ObjectStore) => {
    if (adopt) await adoptMirror(context, mirrorOf(mirror));
    await fanOut(context, mirrorOf(mirror), { graceMs: 0 });
  };
  let last = await publicRevision(store);
  const watch = async () => {
    await readAsClient(store);
    const now = await publicRevision(store);
    if (last) assert.ok(now && compareRevisions(now, last) >= 0, where);
    last = now;
  };
  const cutStore = faultyStore(store, async (call, moment) => {
    if (call.number === cut?.number && moment === cut.moment) throw new Crash(where);
    if (moment === 'after' && !/^(list|read|stat)$/.test(call.method)) await watch();
  });
  await act(cutStore).catch((error: unknown) => {
    if (!(error instanceof Crash) || cut === undefined) throw error;
  });
  await watch();
  await act(store);
  await watch();
  for (const key of ['streams/v1/images.json', 'streams/v1/index.json']) {
    assert.equal(await projection(store, key), await projection(master, key), where);
  }
  const keys = async (one: ObjectStore) =>
    (await Array.fromAsync(one.list('images/'))).map(({ key }) => key);
  const gone = (await keys(master)).filter((key) => key.endsWith('removed.json'));
  const withdrawn = (key: string) => gone.some((marker) => key.startsWith(marker.slice(0, -12)));
  assert.deepEqual(
    await keys(store),
    (await keys(master)).filter((key) => !withdrawn(key)),
    where,
  );
  return cutStore.calls();
}
