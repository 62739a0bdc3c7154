import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { mapConcurrently } from '../../../src/pipeline/concurrently.ts';
import type { PipelineContext } from '../../../src/pipeline/context.ts';
import { scanStore } from '../../../src/pipeline/indexing/scan.ts';
import { finishRemovals } from '../../../src/pipeline/removal/finish-removals.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { removeVersions } from '../../../src/pipeline/removal/remove-versions.ts';
import { update } from '../../../src/pipeline/indexing/update.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { Crash, faultyStore, type Moment } from '../../support/stores/faulty-store.ts';
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
const KEYS = ['streams/v1/images.json', 'streams/v1/index.json'];

/** Work of a process on a store, started in a prepared state. */
interface Scene {
  readonly prepare: (store: ObjectStore) => Promise<unknown>;
  /** The bytes of a public name were changed. Until the change is found, no client can be right. */
  readonly overwrites?: true;
  readonly act: (context: PipelineContext) => Promise<unknown>;
}

const SCENES: Readonly<Record<string, Scene>> = {
  'the first image of a store': {
    prepare: (store) => put(store, splitImage(FIRST, 'one')),
    act: (context) => indexVersions(context, [FIRST]),
  },
  'a second image and one overwritten': {
    overwrites: true,
    prepare: async (store) => {
      await indexVersions(testContext(store), await put(store, splitImage(FIRST, 'one')));
      await put(store, splitImage(SECOND, 'two'));
      await put(store, { [`${FIRST}rootfs.squashfs`]: 'other bytes' });
    },
    act: (context) => indexVersions(context, [FIRST, SECOND]),
  },
  'a rebuild after the catalog was lost': {
    prepare: async (store) => {
      const both = { ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') };
      await indexVersions(testContext(store), await put(store, both));
      await store.remove('catalog/catalog.json');
    },
    act: (context) => update(context),
  },
  'the end of a removal': {
    prepare: async (store) => {
      const both = { ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') };
      const context = testContext(store);
      await indexVersions(context, await put(store, both));
      const product = { os: 'iats', release: 'xenial', arch: 'amd64', variant: 'default' };
      await removeVersions(context, [{ ref: { product, version: '20240101' } }]);
      await indexVersions(context, [FIRST]);
    },
    act: async (context) => {
      for (let sweep = 0; sweep < 4; sweep++) {
        const { deleted } = await finishRemovals(context, { graceMs: 0 });
        const { dirty } = await scanStore(context);
        await indexVersions(context, [...deleted, ...dirty]);
      }
    },
  },
};

describe('a process killed at any of its calls', () => {
  for (const [name, scene] of Object.entries(SCENES)) {
    it(`is completed by the next one: ${name}`, async (t) => {
      const expected = await runWhole(t, scene);
      // Concurrent calls may have another order in another run, so some more cuts are tried.
      const numbers = Array.from({ length: expected.calls + 5 }, (_, at) => at + 1);
      const reached = await mapConcurrently(numbers, 8, async (number) => {
        await runCut(t, scene, 'after', number, expected);
        return runCut(t, scene, 'before', number, expected);
      });
      assert.ok(reached.filter(Boolean).length > expected.calls / 2);
    });
  }
});

interface Expected {
  readonly files: readonly (string | undefined)[];
  readonly calls: number;
}

async function runWhole(t: TestContext, scene: Scene): Promise<Expected> {
  const store = await freshStore(t);
  await scene.prepare(store);
  const counted = faultyStore(store, () => undefined);
  await scene.act(testContext(counted));
  await readAsClient(store);
  return {
    files: await Promise.all(KEYS.map((key) => projection(store, key))),
    calls: counted.calls(),
  };
}

/** Whether the cut was reached. */
async function runCut(
  t: TestContext,
  scene: Scene,
  moment: Moment,
  number: number,
  expected: Expected,
): Promise<boolean> {
  const where = `cut ${moment} call ${number}`;
  const store = await freshStore(t);
  await scene.prepare(store);
  const before = await generationOf(store);
  const cut = faultyStore(store, (call, now) => {
    if (call.number === number && now === moment) throw new Crash(where);
  });
  let reached = false;
  await scene.act(testContext(cut)).catch((error: unknown) => {
    if (!(error instanceof Crash)) throw error;
    reached = true;
  });
  const between = await generationOf(store);
  assert.ok(between >= before, where);
  if (!scene.overwrites) await readAsClient(store);
  await scene.act(testContext(store));
  assert.deepEqual(
    await Promise.all(KEYS.map((key) => projection(store, key))),
    expected.files,
    where,
  );
  const { generation } = await readAsClient(store);
  assert.ok(generation >= between, where);
  assert.equal(generation, (await storedCatalog(store)).generation, where);
  return reached;
}

async function generationOf(store: ObjectStore): Promise<number> {
  return Number(
    /"catalog":(\d+)/.exec((await text(store, 'streams/v1/images.json')) ?? '')?.[1] ?? 0,
  );
}
