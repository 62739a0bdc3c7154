import type { BigIntStats } from 'node:fs';
import type { ETag, ObjectInfo } from '../object-store.ts';

/**
 * A file's state in a token of safe characters: inode, size, mtime and ctime in nanoseconds. Any write, by
 * whomever, changes ctime, which nobody can set.
 */
export function etagOf(stats: BigIntStats): ETag {
  const parts = [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs];
  return parts.map((part) => part.toString(36)).join('-') as ETag;
}

/** `rest` is what `restOf` said, 0 for a file that is whole. */
export function infoOf(key: string, stats: BigIntStats, rest: number): ObjectInfo {
  return {
    key,
    etag: etagOf(stats),
    size: Number(stats.size),
    lastModified: Number(stats.mtimeNs / 1_000_000n),
    ...(rest > 0 ? { unsettledFor: rest } : {}),
  };
}

/**
 * The milliseconds that a file has yet to rest unchanged. Measured by ctime alone: it is never older than
 * the last write, while mtime may be set to anything. A ctime that lies in the future by more than the
 * rest means that the clock was set back: then nothing can be told from it, and the file counts as whole.
 */
export function restOf(stats: BigIntStats, now: number, settleMs: number): number {
  const rest = Number(stats.ctimeNs / 1_000_000n) + settleMs - now;
  return rest > 0 && rest <= 2 * settleMs ? rest : 0;
}

/**
 * Whether the bytes read between two looks at an open file are one state of it. A file that was meanwhile
 * unlinked, or replaced by a rename, has a new ctime and the same bytes.
 */
export function unchanged(before: BigIntStats, after: BigIntStats): boolean {
  if (etagOf(before) === etagOf(after)) return true;
  return after.nlink === 0n && before.size === after.size && before.mtimeNs === after.mtimeNs;
}
