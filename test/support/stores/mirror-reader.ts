import assert from 'node:assert/strict';
import { compareRevisions } from '../../../src/simplestreams/generation.ts';
import { isStoreError } from '../../../src/storage/errors.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { observe, publicRevision } from './mirror-fixture.ts';

export interface MirrorReader {
  /** The number of completed observations. */
  readonly observations: () => number;
  /**
   * Ends the reader. Throws when the mirror ever named missing bytes, or went back to an older
   * revision.
   */
  stop(): Promise<void>;
}

/**
 * Looks at a mirror repeatedly, as its clients do. A server that does not respond is not an error.
 */
export function startReader(store: ObjectStore): MirrorReader {
  const state = { over: false, observations: 0 };
  const run = async () => {
    let last = await patiently(() => publicRevision(store));
    while (!state.over) {
      const named = await patiently(() => observe(store));
      const now = await patiently(() => publicRevision(store));
      if (now !== undefined) {
        if (last !== undefined) {
          const fell = `${JSON.stringify(now)} came after ${JSON.stringify(last)} in ${store.url}`;
          assert.ok(compareRevisions(now, last) >= 0, fell);
        }
        last = now;
      }
      if (named !== undefined) state.observations += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const running = run();
  running.catch(() => undefined);
  return {
    observations: () => state.observations,
    stop: () => {
      state.over = true;
      return running;
    },
  };
}

async function patiently<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isStoreError(error, 'unavailable')) return undefined;
    throw error;
  }
}
