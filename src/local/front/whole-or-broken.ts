import { Transform } from 'node:stream';

/**
 * Passes bytes on and keeps the latest chunk back until the next comes or the stream has ended well. An error
 * that the store finds only at the very end (the object changed while it was read) thus always leaves
 * the response short, and a short response is one that every client notices.
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
