import { borrowed, lend, replay, type BorrowedChunks } from '../bytes/borrowed-chunks.ts';
import type { Compression } from './compression.ts';

/**
 * The most compressed bytes that are read to recognise an archive. Tools write the entries that identify it first.
 */
const HEAD = 16 * 1024 * 1024;
/** The highest allowed ratio of decompressed to compressed bytes at the beginning of an archive. */
const MAX_RATIO = 16;

/** Reads the beginning of an archive. `limit` is the most decompressed bytes that it may read. */
export type LookInto<T> = (
  body: BorrowedChunks,
  compression: Compression,
  options: { readonly limit: number },
) => Promise<T>;

/**
 * Runs `look` on the beginning of an archive and returns its result. The returned `body` still has all bytes. The
 * bytes that `look` read stay in memory, at most 16 MiB; for `look` the archive ends there.
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
  // The decompressor reads ahead: its last chunk must be recorded too.
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
