import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';

import { repeat } from '../../../src/local/periodic.ts';

async function advance(ms: number): Promise<void> {
  mock.timers.tick(ms);
  for (let i = 0; i < 5; i++) await turn();
}

describe('repeat', () => {
  beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
  afterEach(() => mock.timers.reset());

  it('runs one interval after the end of the run before', async () => {
    const ends: (() => void)[] = [];
    const periodic = repeat(
      1000,
      () => new Promise((resolve) => ends.push(resolve)),
      () => assert.fail(),
    );
    await advance(999);
    assert.equal(ends.length, 0);
    await advance(1);
    await advance(10_000);
    assert.equal(ends.length, 1);
    ends[0]?.();
    await advance(0);
    await advance(1000);
    assert.equal(ends.length, 2);
    ends[1]?.();
    await periodic.close();
  });

  it('retries sooner after failures, later with each failure, never later than the interval', async () => {
    const failures: unknown[] = [];
    const periodic = repeat(
      12_000,
      () => Promise.reject(new Error('down')),
      (error) => void failures.push(error),
      { failed: true },
    );
    const counts: number[] = [];
    for (const wait of [5000, 9999, 1, 11_999, 1]) {
      await advance(wait);
      counts.push(failures.length);
    }
    assert.deepEqual(counts, [1, 1, 2, 2, 3]);
    await periodic.close();
  });

  it('ends with the current run, and ignores its failure', async () => {
    let aborted = false;
    const periodic = repeat(
      1000,
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(new Error('aborted'));
          });
        }),
      () => assert.fail(),
    );
    await advance(1000);
    await periodic.close();
    await advance(10_000);
    assert.ok(aborted);
  });
});
