import { borrowed, lend, replay, type BorrowedChunks } from '../bytes/borrowed-chunks.ts';
import type { Compression } from './compression.ts';

/** The bytes of an archive that may pass before it is recognised; tools put first what tells it. */
const HEAD = 16 * 1024 * 1024;
/** The ratio of decompressed to compressed bytes at which an archive's beginning is given up. */
const MAX_RATIO = 16;

/** Looks into an archive. `limit` is the most bytes that it may decompress to meanwhile. */
export type LookInto<T> = (
  body: BorrowedChunks,
  compression: Compression,
  options: { readonly limit: number },
) => Promise<T>;

/**
 * Looks into an archive that passes by, as far as `look` reads it; the `body` that it resolves to still has all
 * of it. It holds in memory what was read, 16 MiB at most: for `look` the archive ends there.
 */
export async function peekTar<T>(
  body: BorrowedChunks,
  compression: Compression,
  look: LookInto<T>,
): Promise<{ readonly found: T; readonly body: BorrowedChunks }> {
  const source = lend(body);
  const seen: Uint8Array[] = [];
  const recording = record(source, seen, HEAD);
  const found = await look(borrowed(recording), compression, { limit: HEAD * MAX_RATIO });
  // A decompressor reads ahead: what it asked for last must have been recorded too.
  await recording.return();
  return { found, body: replay(seen, source) };
}

async function* record(
  source: AsyncIterator<Uint8Array>,
  seen: Uint8Array[],
  limit: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let length = 0; length < limit;) {
    const next = await source.next();
    if (next.done === true) return;
    length += next.value.byteLength;
    const kept = Buffer.from(next.value);
    seen.push(kept);
    yield kept;
  }
}
