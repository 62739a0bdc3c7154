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
import { collecting } from '../bytes/young-heap.ts';
import { xzStream } from './xz-stream.ts';
import { xzThread } from './xz-thread.ts';

/** The number of a file's first bytes that `sniff` needs. */
export const SNIFF_LENGTH = 512;

/**
 * A file as its first bytes describe it. LXD and Incus look at the same bytes and at no name
 * (shared/archive `DetectCompressionFile`), so a compression other than a name's is no fault.
 */
export type Signature =
  | { readonly kind: 'squashfs' }
  | { readonly kind: 'qcow2' }
  | { readonly kind: 'tar'; readonly compression: Compression }
  | { readonly kind: 'closed'; readonly name: string }
  | { readonly kind: 'unknown' };

export type Compression = 'none' | 'gzip' | 'xz' | 'zstd';

const SIGNATURES: readonly [string, Signature][] = [
  ['68737173', { kind: 'squashfs' }],
  ['514649fb', { kind: 'qcow2' }],
  ['1f8b', { kind: 'tar', compression: 'gzip' }],
  ['fd377a585a00', { kind: 'tar', compression: 'xz' }],
  ['28b52ffd', { kind: 'tar', compression: 'zstd' }],
  ['425a68', { kind: 'closed', name: 'bzip2' }],
  ['5d0000', { kind: 'closed', name: 'lzma' }],
  ['04224d18', { kind: 'closed', name: 'lz4' }],
];

/** Recognises a file by its first `SNIFF_LENGTH` bytes (fewer only where the file is shorter). */
export function sniff(head: Uint8Array): Signature {
  const hex = Buffer.from(head.subarray(0, 8)).toString('hex');
  const found = SIGNATURES.find(([magic]) => hex.startsWith(magic));
  if (found) return found[1];
  // POSIX and GNU archives alike have these five letters at 257.
  const ustar = Buffer.from(head.subarray(257, 262)).toString('latin1') === 'ustar';
  return ustar ? { kind: 'tar', compression: 'none' } : { kind: 'unknown' };
}

/** Recognises a body by its first bytes; the `body` that it resolves to still has all of them. */
export async function peekSignature(
  body: Chunks,
): Promise<{ readonly found: Signature; readonly body: BorrowedChunks }> {
  const { head, body: whole } = await peek(body, SNIFF_LENGTH);
  return { found: sniff(head), body: whole };
}

/** Describes a file for people. */
export function described(signature: Signature): string {
  switch (signature.kind) {
    case 'squashfs':
      return 'a squashfs';
    case 'qcow2':
      return 'a qcow2 disk';
    case 'tar':
      return 'a tar';
    case 'closed':
      return `compressed by ${signature.name}, which cannot be looked into`;
    case 'unknown':
      return 'of no kind that an image is made of';
  }
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
