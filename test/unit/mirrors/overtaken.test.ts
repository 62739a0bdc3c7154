import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PipelineContext } from '../../../src/pipeline/context.ts';
import { scanStore } from '../../../src/pipeline/indexing/scan.ts';
import { fanOut } from '../../../src/mirrors/fan-out.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { removeVersions } from '../../../src/pipeline/removal/remove-versions.ts';
import { faultyStore, type Moment } from '../../support/stores/faulty-store.ts';
import { mirrorOf } from '../../support/stores/mirror-fixture.ts';
import { MirrorWitness } from '../../support/stores/mirror-witness.ts';
import {
  projection,
  put,
  splitImage,
  testContext,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

const PRODUCT = { os: 'iats', release: 'xenial', arch: 'amd64', variant: 'default' };

type Change = (context: PipelineContext) => Promise<unknown>;

const publish =
  (version: string, content: string): Change =>
  async (context) => {
    const files = splitImage(versionPath(version), content);
    return indexVersions(context, await put(context.store, files));
  };
const withdraw =
  (version: string): Change =>
  async (context) => {
    await removeVersions(context, [{ ref: { product: PRODUCT, version } }]);
    return indexVersions(context, [versionPath(version)]);
  };
const nothing: Change = () => Promise.resolve();

/** The changes of the master: before the first looker begins, and before it is overtaken. */
const SCENES: Readonly<Record<string, readonly [Change, Change]>> = {
  'with a version that is new to both': [publish('20240103', 'three'), nothing],
  'with a version that only the other has read': [nothing, publish('20240103', 'three')],
  'with two new versions': [publish('20240103', 'three'), publish('20240104', 'four')],
  'with one version after another': [withdraw('20240101'), publish('20240103', 'three')],
  'with a removal': [publish('20240103', 'three'), withdraw('20240101')],
  'with an overwritten version': [nothing, publish('20240101', 'other')],
  'with one overwritten twice': [publish('20240101', 'other'), publish('20240101', 'third')],
  'with bytes that return': [publish('20240101', 'other'), publish('20240101', 'one')],
  'with a version that returns': [withdraw('20240101'), publish('20240101', 'again')],
};

interface Point {
  readonly number: number;
  readonly moment: Moment;
}

describe('a looker that is overtaken at any of its calls by one that does all work', () => {
  for (const [name, scene] of Object.entries(SCENES)) {
    it(`removes nothing and sets nothing back: ${name}`, async () => {
      const calls = await play(scene, undefined);
      assert.ok(calls >= 5);
      for (let number = 1; number <= calls; number++) {
        for (const moment of ['before', 'after'] as const) await play(scene, { number, moment });
      }
    });
  }
});

/**
 * Plays a scene up to the point, lets another looker do everything, and continues. Gives the number
 * of calls.
 */
async function play(
  [before, meanwhile]: readonly [Change, Change],
  point: Point | undefined,
): Promise<number> {
  const where = point ? `overtaken ${point.moment} call ${point.number}` : 'not overtaken';
  const witness = new MirrorWitness();
  const { master } = witness;
  const context = testContext(master);
  await scanStore(context);
  await publish('20240101', 'one')(context);
  await publish('20240102', 'two')(context);
  await fanOut(context, mirrorOf(witness.looker()), { graceMs: 0 });
  await before(context);

  const seen = { calls: 0, overtaken: false };
  const between = async (_: unknown, moment: Moment) => {
    if (moment === 'before') seen.calls += 1;
    if (seen.overtaken || seen.calls !== point?.number || moment !== point.moment) return;
    seen.overtaken = true;
    await meanwhile(context);
    await fanOut(context, mirrorOf(witness.looker()), { graceMs: 0 });
  };
  // The calls to both stores are counted together, so the looker is overtaken at calls to the
  // master too.
  const slow = testContext(faultyStore(master, between));
  await fanOut(slow, mirrorOf(faultyStore(witness.looker(), between)), { graceMs: 0 });
  assert.deepEqual(witness.complaints, [], where);
  if (!seen.overtaken) await meanwhile(context);
  await fanOut(context, mirrorOf(witness.looker()), { graceMs: 0 });
  // A condemned state has to wait this long.
  context.advance(16 * 60_000);
  await fanOut(context, mirrorOf(witness.looker()), { graceMs: 0 });
  assert.deepEqual(witness.complaints, [], where);
  for (const key of ['streams/v1/images.json', 'streams/v1/index.json']) {
    assert.equal(await projection(witness.mirror, key), await projection(master, key), where);
  }
  return seen.calls;
}
