import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { directoryError, failure, type DirectoryContext } from './errors.ts';
import { unchanged } from './info.ts';
import type { DirectReads, FileReads, LentFile, ReadOptions } from '../object-store.ts';

/** Bytes of one read from the disk. It is large because hashing files of several GiB is the main use. */
const CHUNK = 1024 * 1024;

/**
 * Streams the bytes of an open file; `before` is its state when it was opened. Closes `handle` at the end.
 * Fails if the file changes during the read: with `precondition_failed` if `ifMatch` is given, else with
 * `unavailable`.
 */
export function fileStream(
  handle: FileHandle,
  before: BigIntStats,
  context: DirectoryContext,
  { range, ifMatch, signal }: ReadOptions,
): Readable & DirectReads & FileReads {
  const size = Number(before.size);
  const end = Math.min(range?.end ?? size, size);
  const start = Math.max(range?.start ?? 0, 0);
  let position = start;

  async function checkUnchanged(): Promise<void> {
    if (unchanged(before, await handle.stat({ bigint: true }))) return;
    throw failure(
      ifMatch === undefined ? 'unavailable' : 'precondition_failed',
      context,
      'the file changed while it was read. Try again once its writer is done.',
    );
  }

  /** Puts the next bytes into `buffer`. Returns 0 at the end, after checking that the file is unchanged. */
  async function take(buffer: Uint8Array): Promise<number> {
    if (position < end) {
      const length = Math.min(buffer.byteLength, end - position);
      const { bytesRead } = await handle.read(buffer, 0, length, position);
      position += bytesRead;
      if (bytesRead > 0) return bytesRead;
    }
    await checkUnchanged();
    if (position >= end) return 0;
    throw failure('unavailable', context, 'the file ended before its size said. Try again.');
  }

  async function next(): Promise<Buffer | null> {
    const buffer = Buffer.allocUnsafeSlow(Math.max(0, Math.min(CHUNK, end - position)));
    const length = await take(buffer);
    return length === 0 ? null : buffer.subarray(0, length);
  }

  async function readInto(buffer: Uint8Array): Promise<number> {
    // The caller gets the error as a rejection. Without a listener, the 'error' event would end the process.
    if (stream.listenerCount('error') === 0) stream.on('error', () => undefined);
    if (stream.errored) throw stream.errored;
    return take(buffer).catch((error: unknown) => {
      // If a signal ended the read, report that, not the closed handle that follows from it.
      throw stream.errored ?? directoryError(error, context);
    });
  }

  const loan = new AbortController();
  let returned: Promise<unknown> = Promise.resolve();

  function lend(): LentFile {
    // The caller gets the error from giveBack. Without a listener, the 'error' event would end the process.
    stream.on('error', () => undefined);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    returned = promise;
    return {
      fd: handle.fd,
      start,
      end,
      signal: loan.signal,
      giveBack: async (failed) => {
        try {
          if (stream.errored) throw stream.errored;
          await checkUnchanged();
          if (failed) throw failed;
        } catch (error) {
          throw directoryError(error, context);
        } finally {
          resolve(undefined);
          stream.destroy();
        }
      },
    };
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
      loan.abort();
      const closed = returned.then(() => handle.close());
      closed.then(
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
  return Object.assign(stream, { readInto, span: { start, end }, lend });
}

/** Yields the stream's bytes. All chunks share one memory, so that no garbage accumulates. */
export async function* inOneMemory(
  stream: Readable & DirectReads,
): AsyncGenerator<Uint8Array, void, undefined> {
  const memory = Buffer.allocUnsafeSlow(CHUNK);
  try {
    for (;;) {
      const length = await stream.readInto(memory);
      if (length === 0) return;
      yield memory.subarray(0, length);
    }
  } finally {
    stream.destroy();
  }
}

export function cancelled(context: DirectoryContext, signal: AbortSignal | undefined): Error {
  return failure('unavailable', context, 'it was cancelled.', signal?.reason);
}
