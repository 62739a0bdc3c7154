import assert from 'node:assert/strict';
import { PerformanceObserver } from 'node:perf_hooks';
import { describe, it } from 'node:test';

import { collecting } from '../../../src/bytes/body-memory.ts';
import { eventually } from '../../support/eventually.ts';

const MIB = 1024 * 1024;

async function* buffers(count: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let n = 0; n < count; n += 1) yield await Promise.resolve(Buffer.alloc(MIB, n));
}

describe('collecting', () => {
  it('passes all bytes on, and requests collections meanwhile', async () => {
    let collections = 0;
    const observer = new PerformanceObserver((list) => (collections += list.getEntries().length));
    observer.observe({ entryTypes: ['gc'] });
    let seen = 0;
    for await (const chunk of collecting(buffers(40))) {
      assert.equal(chunk[0], seen);
      seen += 1;
    }
    assert.equal(seen, 40);
    // Node reports collections a moment later.
    await eventually(() => Promise.resolve(collections >= 9));
    observer.disconnect();
  });

  it('lets a reader give up while its sender is silent', async () => {
    let returned = 0;
    const silent: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: () => {
          returned += 1;
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    };
    const reader = collecting(silent)[Symbol.asyncIterator]();
    void reader.next();
    await reader.return?.();
    assert.equal(returned, 1);
  });
});
