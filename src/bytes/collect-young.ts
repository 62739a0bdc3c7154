import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of bodies that may pass between two collections. */
const EVERY = 4 * 1024 * 1024;

let collect: ((options: { readonly type: 'minor' }) => void) | undefined;
let passed = 0;

/**
 * Tells that so many bytes of bodies came in buffers that are now garbage, and now and then has V8 collect what
 * died young, which takes less than a millisecond. By itself it does so once the objects fill the young
 * generation, and the bytes that hang on them, outside of the heap, do not count: 50 MB of them gather until a
 * collection of the whole heap, which costs ten times as much. (`--max-semi-space-size=1` would do too, but
 * only on the command line of the process.)
 */
export function letGo(bytes: number): void {
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
