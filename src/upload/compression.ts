import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

import xz from 'xz-decompress';

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

/** A compressed stream is damaged, or needs more memory to open than is given. */
export class CompressionError extends Error {
  override readonly name = 'CompressionError';
}

/**
 * The bytes inside `body`, as a stream that does no more work than its reader asks for. The memory for a
 * dictionary is bounded: 64 MiB for xz (its `-9`), 128 MiB for zstd. Rejects with CompressionError, or with
 * the body's own error.
 */
export async function* decompressed(
  body: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (compression === 'none') {
    yield* body;
    return;
  }
  const source = Readable.from(body, { objectMode: false });
  const failures: Error[] = [];
  source.on('error', (error) => failures.push(error));
  try {
    yield* compression === 'xz' ? xzStream(source) : zlibStream(source, compression);
  } catch (error) {
    // A fault of the way to the archive is not the archive's.
    throw (
      failures[0] ??
      new CompressionError(`its ${compression} data cannot be decompressed`, { cause: error })
    );
  } finally {
    source.destroy();
  }
}

function zlibStream(source: Readable, compression: 'gzip' | 'zstd'): AsyncIterable<Uint8Array> {
  const inner = compression === 'gzip' ? createGunzip() : createZstdDecompress();
  source.on('error', (error) => inner.destroy(error));
  source.pipe(inner);
  return inner;
}

async function* xzStream(source: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  const web = Readable.toWeb(source) as ReadableStream<Uint8Array>;
  const reader: ReadableStreamDefaultReader<Uint8Array> = new xz.XzReadableStream(web).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
