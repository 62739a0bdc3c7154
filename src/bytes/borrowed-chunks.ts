import type { Hash } from 'node:crypto';
import { Readable } from 'node:stream';

const CHUNKS = Symbol('chunks');

/**
 * The chunks of a body, each valid only until the next is asked for: one memory may carry them all.
 *
 * The type is not iterable on purpose. `Array.fromAsync`, `Buffer.concat` and `for await` do not accept it, so
 * nothing keeps a chunk by accident. Read it once, by one of the functions below or by `ObjectStore.upload`.
 */
export interface BorrowedChunks {
  readonly [CHUNKS]: AsyncIterable<Uint8Array>;
}

/** A body for a reader that keeps no chunk. The chunks of an AsyncIterable are the reader's own. */
export type Chunks = BorrowedChunks | AsyncIterable<Uint8Array>;

/** A body has more bytes than its reader allows. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';

  constructor(limit: number) {
    super(`more than ${limit} bytes where less is expected`);
  }
}

/** A body whose chunks may share one memory, or whose reader need not keep them. */
export function borrowed(body: Chunks): BorrowedChunks {
  return isBorrowed(body) ? body : { [CHUNKS]: body };
}

export function isBorrowed(body: Chunks): body is BorrowedChunks {
  return CHUNKS in body;
}

/** A body that is opened when it is first read, and closed when its reader is done or gives up. */
export function opening(
  open: () => Promise<{ readonly body: Chunks; readonly close?: () => void }>,
): BorrowedChunks {
  async function* passing(): AsyncGenerator<Uint8Array, void, undefined> {
    const { body, close } = await open();
    try {
      yield* chunksOf(body);
    } finally {
      close?.();
    }
  }
  return borrowed(passing());
}

/** The body that `bytes` are. */
export function oneChunk(bytes: Uint8Array): BorrowedChunks {
  return opening(() => Promise.resolve({ body: Readable.from([bytes], { objectMode: false }) }));
}

/** Opens a body for a reader that is done with each chunk before it asks for the next. */
export function lend(body: Chunks): AsyncIterator<Uint8Array> {
  return chunksOf(body)[Symbol.asyncIterator]();
}

/** Calls `use` with each chunk, and waits for it before the next. */
export async function eachChunk(body: Chunks, use: (chunk: Uint8Array) => unknown): Promise<void> {
  for await (const chunk of chunksOf(body)) await use(chunk);
}

/** Copies each chunk: these may be kept. */
export async function* owned(body: Chunks): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunksOf(body)) yield Buffer.from(chunk);
}

/** Reads a small body whole. BodyTooLargeError when it is longer than `limit` bytes. */
export async function wholeBody(body: Chunks, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of owned(body)) {
    size += chunk.byteLength;
    if (size > limit) throw new BodyTooLargeError(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Passes a body on and updates `hash` with what passes. */
export function hashed(body: Chunks, hash: Hash): BorrowedChunks {
  async function* passing(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunksOf(body)) {
      hash.update(chunk);
      yield chunk;
    }
  }
  return borrowed(passing());
}

/** Passes a body on and waits for `check` before its end: when that rejects, the body ends with its error. */
export function beforeEnd(body: Chunks, check: () => void | Promise<void>): BorrowedChunks {
  async function* passing(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* chunksOf(body);
    await check();
  }
  return borrowed(passing());
}

/** Passes a body on and appends the error that ends it to `faults`: whoever reads it may wrap that error. */
export function noting(body: Chunks, faults: unknown[]): BorrowedChunks {
  async function* passing(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* chunksOf(body);
    } catch (error) {
      faults.push(error);
      throw error;
    }
  }
  return borrowed(passing());
}

/** Reads the first `length` bytes or a little more, fewer only of a shorter body. `body` still has all bytes. */
export async function peek(
  body: Chunks,
  length: number,
): Promise<{ readonly head: Buffer; readonly body: BorrowedChunks }> {
  const source = lend(body);
  const seen: Uint8Array[] = [];
  for (let passed = 0; passed < length;) {
    const next = await source.next();
    if (next.done === true) break;
    seen.push(Buffer.from(next.value));
    passed += next.value.byteLength;
  }
  return { head: Buffer.concat(seen), body: replay(seen, source) };
}

/** What was seen of a body, and then its rest. Empties `seen`. Closes the rest even if it was never read. */
export function replay(seen: Uint8Array[], rest: AsyncIterator<Uint8Array>): BorrowedChunks {
  const iterator: AsyncIterator<Uint8Array> = {
    next: async () => {
      const value = seen.shift();
      return value === undefined ? rest.next() : { done: false, value };
    },
    return: async () => {
      await rest.return?.();
      return { done: true, value: undefined };
    },
  };
  return borrowed({ [Symbol.asyncIterator]: () => iterator });
}

function chunksOf(body: Chunks): AsyncIterable<Uint8Array> {
  return isBorrowed(body) ? body[CHUNKS] : body;
}
