import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** sha256 of the parts, one after the other, on this thread. */
export function sha256(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Bytes in which no two slots of a ring are equal, so that a wrong order is noticed. */
export function numberedBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at + 4 <= length; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
  return bytes;
}

/** The bytes in chunks of these sizes, repeated in turn. */
export async function* inChunks(
  bytes: Uint8Array,
  sizes: readonly number[],
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0, n = 0; at < bytes.byteLength; n += 1) {
    const size = sizes[n % sizes.length]!;
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
}

/** The bytes, and then the error instead of the end. */
export async function* thenError(
  bytes: Uint8Array,
  error: Error,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* inChunks(bytes, [100_000]);
  throw error;
}

/** A file as a body that reads straight into the reader's memory, at most `most` bytes at a time. */
export async function directFile(path: string, most = Infinity) {
  const handle = await open(path);
  let closed = false;
  return {
    async readInto(buffer: Uint8Array): Promise<number> {
      const length = Math.min(most, buffer.byteLength);
      return (await handle.read(buffer, 0, length, null)).bytesRead;
    },
    destroy(): void {
      if (!closed) void handle.close();
      closed = true;
    },
    get closed() {
      return closed;
    },
    [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
      throw new Error('This body is read with readInto.');
    },
  };
}

/**
 * A file as a body that is lent and never read as a stream, with the failure that its reader
 * returned.
 */
export async function lentFile(path: string, size?: number) {
  const handle = await open(path);
  const end = size ?? (await handle.stat()).size;
  const state: { closed: boolean; failure?: Error } = { closed: false };
  const close = async () => {
    if (!state.closed) await handle.close();
    state.closed = true;
  };
  return Object.assign(state, {
    span: { start: 0, end },
    lend: () => ({
      fd: handle.fd,
      start: 0,
      end,
      signal: new AbortController().signal,
      async giveBack(failure?: Error) {
        await close();
        if (!failure) return;
        state.failure = failure;
        throw failure;
      },
    }),
    destroy: () => void close(),
    [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
      throw new Error('This body is lent.');
    },
  });
}
