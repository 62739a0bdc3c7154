import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

import {
  borrowed,
  eachChunk,
  noting,
  peek,
  type BorrowedChunks,
  type Chunks,
} from '../bytes/borrowed-chunks.ts';
import { collecting } from '../bytes/body-memory.ts';
import { HEAD_LENGTH, sniff, type Compression, type Signature } from '../images/formats.ts';
import { xzStream } from './xz-stream.ts';
import { xzThread } from './xz-thread.ts';

export type { Compression } from '../images/formats.ts';

/** Recognises a body by its first bytes. The returned `body` still has all bytes. */
export async function peekSignature(
  body: Chunks,
): Promise<{ readonly found: Signature; readonly body: BorrowedChunks }> {
  const { head, body: whole } = await peek(body, HEAD_LENGTH);
  return { found: sniff(head), body: whole };
}

/** A compressed stream is damaged, or decompressing it needs more memory than is allowed. */
export class CompressionError extends Error {
  override readonly name = 'CompressionError';
}

/**
 * Returns the decompressed bytes of `body`. The stream works only when its reader asks for more. The memory for a
 * dictionary is bounded: 64 MiB for xz (its `-9`), 128 MiB for zstd. It fails with CompressionError, or with the
 * body's own error. `held` means that all bytes of the body are local and no slow sender is involved.
 */
export function decompressed(
  body: Chunks,
  compression: Compression,
  { held = false }: { readonly held?: boolean } = {},
): BorrowedChunks {
  return compression === 'none' ? borrowed(body) : borrowed(decompressing(body, compression, held));
}

async function* decompressing(
  body: Chunks,
  compression: Exclude<Compression, 'none'>,
  held: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  const faults: unknown[] = [];
  const source = noting(body, faults);
  try {
    yield* collecting(
      compression !== 'xz'
        ? zlibStream(source, compression)
        : held
          ? xzStream(source)
          : xzThread(source),
    );
  } catch (error) {
    // The source failed; the archive itself may be fine.
    if (faults.length > 0) throw faults[0];
    throw new CompressionError(`its ${compression} data cannot be decompressed`, { cause: error });
  }
}

async function* zlibStream(
  source: BorrowedChunks,
  compression: 'gzip' | 'zstd',
): AsyncGenerator<Uint8Array, void, undefined> {
  const inner = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  void feed(source, inner);
  yield* inner as AsyncIterable<Uint8Array>;
}

/**
 * Writes a chunk only after the previous one is consumed. An error of the source destroys `inner` with that error.
 */
async function feed(source: BorrowedChunks, inner: Transform): Promise<void> {
  try {
    await eachChunk(
      source,
      (chunk) =>
        new Promise<void>((resolve, reject) => {
          inner.write(chunk, (error) => (error ? reject(error) : resolve()));
        }),
    );
    inner.end();
  } catch (error) {
    inner.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}
