import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { directoryError, failure, type DirectoryContext } from './directory-errors.ts';
import { unchanged } from './directory-info.ts';
import type { DirectReads, ReadOptions } from './object-store.ts';

/** Bytes for each read from the disk: large, since hashing multi-GiB files is the main use. */
const CHUNK = 1024 * 1024;

/**
 * The bytes of an open file that looked like `before`. Closes `handle` at the end. Errors when the file
 * changes under the read: `precondition_failed` when the caller pinned it, else `unavailable`.
 */
export function fileStream(
  handle: FileHandle,
  before: BigIntStats,
  context: DirectoryContext,
  { range, ifMatch, signal }: ReadOptions,
): Readable & DirectReads {
  const size = Number(before.size);
  const end = Math.min(range?.end ?? size, size);
  let position = Math.max(range?.start ?? 0, 0);

  /** Puts the next bytes into `buffer`; 0 at the end, once the file has proved to be unchanged. */
  async function take(buffer: Uint8Array): Promise<number> {
    if (position < end) {
      const length = Math.min(buffer.byteLength, end - position);
      const { bytesRead } = await handle.read(buffer, 0, length, position);
      position += bytesRead;
      if (bytesRead > 0) return bytesRead;
    }
    const whole = position >= end && unchanged(before, await handle.stat({ bigint: true }));
    if (whole) return 0;
    throw failure(
      ifMatch === undefined ? 'unavailable' : 'precondition_failed',
      context,
      'the file changed while it was read. Try again once its writer is done.',
    );
  }

  async function next(): Promise<Buffer | null> {
    const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(CHUNK, end - position)));
    const length = await take(buffer);
    return length === 0 ? null : buffer.subarray(0, length);
  }

  async function readInto(buffer: Uint8Array): Promise<number> {
    // The rejection tells it; without a listener the stream's event would end the process.
    if (stream.listenerCount('error') === 0) stream.on('error', () => undefined);
    if (stream.errored) throw stream.errored;
    return take(buffer).catch((error: unknown) => {
      // When a signal ended the read half-way, that is the reason, not the closed handle.
      throw stream.errored ?? directoryError(error, context);
    });
  }

  const stream = new Readable({
    highWaterMark: 2 * CHUNK,
    read() {
      next().then(
        (chunk) => this.push(chunk),
        (error: unknown) => this.destroy(directoryError(error, context)),
      );
    },
    destroy(error, done) {
      signal?.removeEventListener('abort', cancel);
      handle.close().then(
        () => done(error),
        (closing: unknown) => done(error ?? directoryError(closing, context)),
      );
    },
  });
  function cancel(): void {
    stream.destroy(cancelled(context, signal));
  }
  if (signal?.aborted === true) cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  return Object.assign(stream, { readInto });
}

export function cancelled(context: DirectoryContext, signal: AbortSignal | undefined): Error {
  return failure('unavailable', context, 'it was cancelled.', signal?.reason);
}
