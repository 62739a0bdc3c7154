import assert from 'node:assert/strict';
import { setImmediate as tick } from 'node:timers/promises';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fanOut } from '../../../src/mirrors/fan-out.ts';
import { scanStore } from '../../../src/pipeline/indexing/scan.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { removeVersions } from '../../../src/pipeline/removal/remove-versions.ts';
import { isPipelineError } from '../../../src/pipeline/errors.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { Crash, faultyStore } from '../../support/stores/faulty-store.ts';
import { mirrorOf, observe } from '../../support/stores/mirror-fixture.ts';
import { MirrorWitness } from '../../support/stores/mirror-witness.ts';
import {
  projection,
  put,
  testContext,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

const VERSIONS = ['20240101', '20240102'];
const PRODUCT = { os: 'iats', release: 'xenial', arch: 'amd64', variant: 'default' };

type Step =
  /**
   * There are few contents, all of one length. So old bytes return and sizes show no difference.
   */
  | { readonly kind: 'upload'; readonly version: number; readonly content: string }
  | { readonly kind: 'remove'; readonly version: number }
  /** Waits until edges and late deletes are over. */
  | { readonly kind: 'wait' };

const version = fc.integer({ min: 0, max: VERSIONS.length - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('upload' as const),
      version,
      content: fc.constantFrom('a', 'b'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), version }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'wait' as const }) },
);

describe('several fan-outs at once', () => {
  it('never publish a wrong name or an older state, and end at the same public files', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 3, maxLength: 10 }),
        // Most calls are quick; one in ten is slow while the others continue.
        fc.array(
          fc.oneof({ weight: 9, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.constant(400) }),
          {
            minLength: 16,
            maxLength: 64,
          },
        ),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(0, 0, 30),
        play,
      ),
      { numRuns: 40 },
    );
  });
});

/** `delays` are the ticks that calls take, in turn. They determine the interleaving. */
async function play(
  steps: readonly Step[],
  delays: readonly number[],
  rivals: number,
  edgeSeconds: number,
): Promise<void> {
  const witness = new MirrorWitness();
  const { master } = witness;
  let calls = 0;
  let removals = 0;
  const slow = (one: ObjectStore): ObjectStore => {
    const faulty = faultyStore(one, async () => {
      for (let left = delays[calls++ % delays.length]!; left > 0; left--) await tick();
    });
    const remove: ObjectStore['remove'] = async (key, options) => {
      removals += 1;
      await faulty.remove(key, options).finally(() => (removals -= 1));
    };
    return { ...faulty, remove };
  };
  const context = testContext(slow(master), { settings: { edgeSeconds } });
  await scanStore(context);
  const state = { over: false };

  const rival = async () => {
    while (!state.over) {
      const mirror = mirrorOf(slow(witness.looker()));
      // Sometimes a fan-out is killed.
      const dies = delays[calls % delays.length] === 5 ? calls + 15 : Infinity;
      const mortal = faultyStore(mirror.store, () => {
        if (calls > dies) throw new Crash('killed');
      });
      await fanOut(context, { ...mirror, store: mortal }, { graceMs: 0 }).catch(
        (error: unknown) => {
          if (!(error instanceof Crash)) throw error;
        },
      );
      await tick();
    }
  };
  const running = Array.from({ length: rivals }, rival);
  // A failure of one fan-out ends the others.
  for (const one of running) one.catch(() => (state.over = true));
  try {
    for (const one of steps) {
      // No delete may be running for as long as such a step takes.
      while (one.kind === 'wait' && removals > 0) await tick();
      await apply(one, context);
      for (let left = 150; left > 0 && !state.over; left--) await tick();
    }
  } finally {
    state.over = true;
  }
  await Promise.all(running);
  await converge(context, witness.looker());
  assert.deepEqual(witness.complaints, []);
}

async function apply(one: Step, context: ReturnType<typeof testContext>): Promise<void> {
  context.advance(7000);
  if (one.kind === 'wait') {
    context.advance(16 * 60_000);
    return;
  }
  const name = VERSIONS[one.version]!;
  const prefix = versionPath(name);
  switch (one.kind) {
    case 'upload':
      await put(context.store, {
        [`${prefix}lxd.tar.xz`]: `metadata of ${name}`,
        [`${prefix}rootfs.squashfs`]: `root ${one.content} of ${name}`,
      });
      await indexVersions(context, [prefix]);
      return;
    case 'remove':
      await removeVersions(context, [{ ref: { product: PRODUCT, version: name } }]);
      await indexVersions(context, [prefix]);
      return;
  }
}

async function converge(
  context: ReturnType<typeof testContext>,
  store: ObjectStore,
): Promise<void> {
  for (let round = 0; round < 4; round++) {
    context.advance(16 * 60_000);
    await indexVersions(
      context,
      VERSIONS.map((name) => versionPath(name)),
    );
    try {
      await fanOut(context, mirrorOf(store), { graceMs: 0 });
    } catch (error) {
      assert.ok(isPipelineError(error, 'master_empty'));
    }
  }
  for (const key of ['streams/v1/images.json', 'streams/v1/index.json']) {
    assert.equal(await projection(store, key), await projection(context.store, key));
  }
  assert.equal(await observe(store), await observe(context.store));
}
