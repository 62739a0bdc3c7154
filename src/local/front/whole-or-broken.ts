import { Transform } from 'node:stream';

/**
 * Passes bytes on, but holds the latest chunk until the next one arrives or the stream ends without an error. The
 * store may find an error only at the very end (the object changed while it was read). The response is then always
 * too short, and every client notices that.
 */
export function wholeOrBroken(expected: number): Transform {
  let held: Buffer | undefined;
  let count = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const previous = held;
      held = chunk;
      count += chunk.length;
      if (count > expected) done(new Error(`the store gave more than ${expected} bytes`));
      else done(null, previous);
    },
    flush(done) {
      if (count === expected) done(null, held);
      else done(new Error(`the store gave ${count} of ${expected} bytes`));
    },
  });
}
