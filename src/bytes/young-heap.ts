import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/*
 * The bytes of bodies that pass through lie outside of V8's heap, and hang on small objects in its young
 * generation. V8 collects that generation when the objects fill it and does not count the bytes: 50 MB of them
 * gather until a collection of the whole heap, which costs ten times as much. All flags against this are here.
 * (`--max-semi-space-size=1` would do alone, but V8 reads it from the command line of a process only.)
 */

/** Bytes that may pass between two collections. */
const EVERY = 4 * 1024 * 1024;

let collect: ((options: { readonly type: 'minor' }) => void) | undefined;
let passed = 0;

/**
 * Keeps V8's young generation at the 2 MB it starts with; by default it grows to 64 MB. For a process in which
 * bodies pass all the time.
 */
export function keepYoungHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Passes a body on, and every few MB has V8 collect its young generation, which takes less than a millisecond.
 * For bodies whose chunks, or the pieces they are made of, are garbage once the next chunk is asked for.
 */
export function collecting(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return {
    // No generator: its `return` would wait for a `next` that waits for a silent sender.
    [Symbol.asyncIterator]: () => {
      const source = body[Symbol.asyncIterator]();
      let garbage = 0;
      return {
        next: async () => {
          collectAfter(garbage);
          garbage = 0;
          const next = await source.next();
          if (next.done !== true) garbage = next.value.byteLength;
          return next;
        },
        return: async () => {
          await source.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

function collectAfter(bytes: number): void {
  passed += bytes;
  if (passed < EVERY) return;
  passed = 0;
  collect ??= minorCollection();
  collect({ type: 'minor' });
}

function minorCollection(): (options: { readonly type: 'minor' }) => void {
  // Contexts made from now on have `gc`.
  setFlagsFromString('--expose-gc');
  const found: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return typeof found === 'function'
    ? (found as (options: { readonly type: 'minor' }) => void)
    : () => undefined;
}
