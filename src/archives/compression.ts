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

/** Recognises a body by its first bytes; the `body` that it resolves to still has all of them. */
export async function peekSignature(
  body: Chunks,
): Promise<{ readonly found: Signature; readonly body: BorrowedChunks }> {
  const { head, body: whole } = await peek(body, HEAD_LENGTH);
  return { found: sniff(head), body: whole };
}

/** A compressed stream is damaged, or needs more memory to open than is given. */
export class CompressionError extends Error {
  override readonly name = 'CompressionError';
}

/**
 * The bytes inside `body`, as a stream that does no more work than its reader asks for. The memory for a
 * dictionary is bounded: 64 MiB for xz (its `-9`), 128 MiB for zstd. Its error is a CompressionError, or the
 * body's own. `held` means that the body is here already and waits for no sender.
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
    // A fault on the way to the archive is not the archive's.
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

/** Writes a chunk only when the one before is used up. A fault ends `inner` with it. */
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
