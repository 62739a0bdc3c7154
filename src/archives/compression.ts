import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

import { letGo } from '../bytes/collect-young.ts';
import { xzStream } from './xz-stream.ts';
import { xzThread } from './xz-thread.ts';

/** How many of a file's first bytes `sniff` needs. */
export const SNIFF_LENGTH = 512;

/**
 * What a file's first bytes say it is. LXD and Incus look at the same bytes and at no name
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

/** What a file is, for people. */
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
 * dictionary is bounded: 64 MiB for xz (its `-9`), 128 MiB for zstd. Rejects with CompressionError, or with
 * the body's own error. `held` tells that the body is here already, and waits for no sender.
 */
export async function* decompressed(
  body: AsyncIterable<Uint8Array>,
  compression: Compression,
  { held = false }: { readonly held?: boolean } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  if (compression === 'none') {
    yield* body;
    return;
  }
  const faults: unknown[] = [];
  const source = noting(body, faults);
  try {
    if (compression !== 'xz') yield* zlibStream(source, compression);
    else yield* held ? xzStream(source) : xzThread(source);
  } catch (error) {
    // A fault of the way to the archive is not the archive's.
    if (faults.length > 0) throw faults[0];
    throw new CompressionError(`its ${compression} data cannot be decompressed`, { cause: error });
  }
}

async function* noting(
  body: AsyncIterable<Uint8Array>,
  faults: unknown[],
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body;
  } catch (error) {
    faults.push(error);
    throw error;
  }
}

async function* zlibStream(
  source: AsyncIterable<Uint8Array>,
  compression: 'gzip' | 'zstd',
): AsyncGenerator<Uint8Array, void, undefined> {
  const inner = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  void feed(source, inner);
  for await (const chunk of inner as AsyncIterable<Uint8Array>) {
    yield chunk;
    letGo(chunk.byteLength);
  }
}

/** Gives a chunk only when the one before is used up: it holds no longer. A fault ends `inner` with it. */
async function feed(source: AsyncIterable<Uint8Array>, inner: Transform): Promise<void> {
  try {
    for await (const chunk of source) {
      await new Promise<void>((resolve, reject) => {
        inner.write(chunk, (error) => (error ? reject(error) : resolve()));
      });
    }
    inner.end();
  } catch (error) {
    inner.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}
