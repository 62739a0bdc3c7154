import type { Hash } from 'node:crypto';
import { Readable } from 'node:stream';

const CHUNKS = Symbol('chunks');

/**
 * The chunks of a body. Each chunk is valid only until the next one is requested, because all may share one memory.
 *
 * The type is not iterable on purpose. `Array.fromAsync`, `Buffer.concat` and `for await` do not accept it, so
 * no code keeps a chunk by accident. Read it once, by one of the functions below or by `ObjectStore.upload`.
 */
export interface BorrowedChunks {
  readonly [CHUNKS]: AsyncIterable<Uint8Array>;
}

/** A body for a reader that keeps no chunk. The chunks of a plain AsyncIterable belong to the reader. */
export type Chunks = BorrowedChunks | AsyncIterable<Uint8Array>;

/** A body is longer than its reader allows. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';

  constructor(limit: number) {
    super(`more than ${limit} bytes where less is expected`);
  }
}

/** Marks a body as borrowed: its chunks may share one memory, or its reader does not keep them. */
export function borrowed(body: Chunks): BorrowedChunks {
  return isBorrowed(body) ? body : { [CHUNKS]: body };
}

export function isBorrowed(body: Chunks): body is BorrowedChunks {
  return CHUNKS in body;
}

/** Makes a body that is opened at the first read. It is closed when its reader finishes or stops early. */
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

/** Makes a body from `bytes`. */
export function oneChunk(bytes: Uint8Array): BorrowedChunks {
  return opening(() => Promise.resolve({ body: Readable.from([bytes], { objectMode: false }) }));
}

/** Opens a body for a reader that does not use a chunk after it asks for the next one. */
export function lend(body: Chunks): AsyncIterator<Uint8Array> {
  return chunksOf(body)[Symbol.asyncIterator]();
}

/** Calls `use` with each chunk, and waits for its result before the next chunk. */
export async function eachChunk(body: Chunks, use: (chunk: Uint8Array) => unknown): Promise<void> {
  for await (const chunk of chunksOf(body)) await use(chunk);
}

/** Copies each chunk, so that the reader may keep it. */
export async function* owned(body: Chunks): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunksOf(body)) yield Buffer.from(chunk);
}

/** Reads a small body completely. Rejects with BodyTooLargeError if it is longer than `limit` bytes. */
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

/** Passes a body on and updates `hash` with its bytes. */
export function hashed(body: Chunks, hash: Hash): BorrowedChunks {
  async function* passing(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunksOf(body)) {
      hash.update(chunk);
      yield chunk;
    }
  }
  return borrowed(passing());
}

/** Passes a body on and waits for `check` before its end. If `check` rejects, the body fails with that error. */
export function beforeEnd(body: Chunks, check: () => void | Promise<void>): BorrowedChunks {
  async function* passing(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* chunksOf(body);
    await check();
  }
  return borrowed(passing());
}

/** Passes a body on and appends its error to `faults`. A reader may wrap that error; `faults` has the original. */
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

/**
 * Reads at least the first `length` bytes; fewer only if the body is shorter. The returned `body` still has all
 * bytes.
 */
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

/** Makes a body of the chunks in `seen`, and then `rest`. Empties `seen`. Closes `rest` even if it was never read. */
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
