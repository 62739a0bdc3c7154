import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scanStore } from '../../../../src/pipeline/indexing/scan.ts';
import { indexVersions } from '../../../../src/pipeline/indexing/index-versions.ts';
import { faultyStore, type Moment } from '../../../support/stores/faulty-store.ts';
import { memoryStore } from '../../../support/stores/memory-store.ts';
import {
  put,
  readAsClient,
  splitImage,
  storedCatalog,
  testContext,
  versionPath,
} from '../../../support/stores/pipeline-fixture.ts';

const FIRST = versionPath('20240101');

describe('the first catalog of a store', () => {
  it('is made by one of two processes, at every position of the other, and both continue', async () => {
    const calls = await play(undefined);
    assert.ok(calls > 5);
    for (let number = 1; number <= calls; number++) {
      for (const moment of ['before', 'after'] as const) await play({ number, moment });
    }
  });
});

/** Scans a store without a catalog. A rival makes and publishes a catalog at the given point. */
async function play(
  point: { readonly number: number; readonly moment: Moment } | undefined,
): Promise<number> {
  const store = memoryStore('store');
  const context = testContext(store);
  const prefixes = await put(store, splitImage(FIRST, 'one'));
  let made: string | undefined;
  const slow = faultyStore(store, async ({ number }, moment) => {
    if (made !== undefined || number !== point?.number || moment !== point.moment) return;
    made = '';
    await scanStore(context);
    await indexVersions(context, prefixes);
    made = (await storedCatalog(store)).store;
  });
  await scanStore(testContext(slow));
  await indexVersions(testContext(slow), prefixes);
  if (point && made !== undefined) assert.equal((await storedCatalog(store)).store, made);
  assert.equal((await readAsClient(store)).items.length, 3);
  return slow.calls();
}
