import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';

import { createDirtySet, type DirtySet } from '../../../../src/local/changes/dirty-set.ts';
import { silentLogger } from '../../../support/silent-logger.ts';
import type { Outcome } from '../../../../src/pipeline/indexing/index-versions.ts';

/** A use case whose runs the test ends by hand. */
function handWork() {
  const runs: {
    batch: readonly string[];
    signal: AbortSignal;
    end: (outcomes?: Record<string, Outcome>) => void;
    fail: (error: Error) => void;
  }[] = [];
  const work = (batch: readonly string[], signal: AbortSignal) =>
    new Promise<ReadonlyMap<string, Outcome>>((resolve, reject) => {
      runs.push({
        batch,
        signal,
        end: (outcomes = {}) => resolve(new Map(Object.entries(outcomes))),
        fail: reject,
      });
    });
  return { runs, work };
}

async function advance(ms: number): Promise<void> {
  mock.timers.tick(ms);
  // Promises of the work settle in later turns.
  for (let i = 0; i < 5; i++) await turn();
}

describe('dirty set', () => {
  let hand: ReturnType<typeof handWork>;
  let set: DirtySet;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout'] });
    hand = handWork();
    set = createDirtySet({ work: hand.work, log: silentLogger, random: () => 1 });
  });
  afterEach(() => mock.timers.reset());

  it('gathers marks into one batch, each prefix once', async () => {
    set.add(['a', 'b']);
    set.add(['a', 'c']);
    await advance(1000);
    assert.deepEqual(
      hand.runs.map((run) => run.batch),
      [['a', 'b', 'c']],
    );
  });

  it('runs what became dirty during the work once more, and never two batches at once', async () => {
    set.add(['a', 'b']);
    await advance(1000);
    set.add(['a']);
    set.add(['c']);
    await advance(100_000);
    assert.equal(hand.runs.length, 1);
    hand.runs[0]?.end();
    await advance(0);
    await advance(1000);
    assert.deepEqual(hand.runs[1]?.batch, ['a', 'c']);
  });

  it('runs again after the requested time, or at once when marked', async () => {
    const again = { kind: 'again', afterMs: 5000, reason: 'still being written' } as const;
    set.add(['a', 'b']);
    await advance(1000);
    hand.runs[0]?.end({ a: again, b: again });
    await advance(0);
    set.add(['b']);
    await advance(1000);
    assert.deepEqual(hand.runs[1]?.batch, ['b']);
    hand.runs[1].end();
    await advance(0);
    await advance(3000);
    assert.equal(hand.runs.length, 2);
    await advance(1000);
    await advance(1000);
    assert.deepEqual(hand.runs[2]?.batch, ['a']);
  });

  it('keeps a batch whose work failed, and waits longer after each failure', async () => {
    set.add(['a']);
    await advance(1000);
    hand.runs[0]?.fail(new Error('down'));
    await advance(0);
    set.add(['b']);
    await advance(999);
    assert.equal(hand.runs.length, 1);
    await advance(1);
    assert.deepEqual(hand.runs[1]?.batch, ['a', 'b']);
    hand.runs[1].fail(new Error('down'));
    await advance(0);
    await advance(1999);
    assert.equal(hand.runs.length, 2);
    await advance(1);
    assert.equal(hand.runs.length, 3);
  });

  it('is idle when nothing is dirty or in work', async () => {
    await set.idle();
    let idle = false;
    set.add(['a']);
    const waited = set.idle().then(() => (idle = true));
    await advance(1000);
    assert.equal(idle, false);
    hand.runs[0]?.end();
    await waited;
    assert.equal(idle, true);
  });

  it('abandons the work when closed and starts none afterwards', async () => {
    set.add(['a']);
    await advance(1000);
    const closed = set.close();
    assert.equal(hand.runs[0]?.signal.aborted, true);
    hand.runs[0].fail(new Error('aborted'));
    await closed;
    set.add(['b']);
    await advance(100_000);
    assert.equal(hand.runs.length, 1);
  });
});
