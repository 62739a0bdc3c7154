import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { isStoreError, type StoreErrorCode } from '../../../src/storage/errors.ts';

/** All bytes of a stream. */
export async function bytes(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The hex SHA-256 of a stream. */
export async function sha256(stream: Readable): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** `size` bytes in which every place looks different. */
export function pattern(size: number): Buffer {
  const buffer = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) buffer.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  return buffer;
}

/** `content` as a stream of chunks with irregular sizes. */
export function chunked(content: Buffer): Readable {
  return Readable.from(pieces(content));
}

function* pieces(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += 70_001) yield content.subarray(at, at + 70_001);
}

/** Asserts that `promise` rejects with a StoreError of this code. */
export async function rejectsWith(
  code: StoreErrorCode,
  promise: Promise<unknown>,
  message?: string,
): Promise<void> {
  await assert.rejects(
    promise,
    (error) => {
      assert(isStoreError(error), `${message ?? ''} not a StoreError: ${String(error)}`);
      assert.equal(error.code, code, `${message ?? ''} ${error.message}`);
      return true;
    },
    message,
  );
}

/** Runs `work` for each item, at most `width` at the same time. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const queue = items.values();
  const workers = Array.from({ length: width }, async () => {
    for (const item of queue) await work(item);
  });
  await Promise.all(workers);
}

/** All items of an async iterable. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
