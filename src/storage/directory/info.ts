import type { BigIntStats } from 'node:fs';
import type { ETag, ObjectInfo } from '../object-store.ts';

/**
 * Returns a file's state as a token of safe characters: inode, size, mtime and ctime in nanoseconds. Every
 * write by any program changes ctime, and no program can set it.
 */
export function etagOf(stats: BigIntStats): ETag {
  const parts = [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs];
  return parts.map((part) => part.toString(36)).join('-') as ETag;
}

/** `rest` is the result of `restOf`: 0 for a complete file. */
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
 * Returns the milliseconds for which a file must still stay unchanged before it counts as complete; 0 if it
 * does already. Only ctime counts: it is never older than the last write, while programs can set mtime.
 * A ctime more than `settleMs` in the future means that the clock was set back. It says nothing about the
 * writer then, so the file counts as complete.
 */
export function restOf(stats: BigIntStats, now: number, settleMs: number): number {
  const rest = Number(stats.ctimeNs / 1_000_000n) + settleMs - now;
  return rest > 0 && rest <= 2 * settleMs ? rest : 0;
}

/**
 * Returns whether an open file kept its bytes between two calls of fstat. Deleting the file, or replacing it
 * by a rename, changes its ctime but not its bytes.
 */
export function unchanged(before: BigIntStats, after: BigIntStats): boolean {
  if (etagOf(before) === etagOf(after)) return true;
  return after.nlink === 0n && before.size === after.size && before.mtimeNs === after.mtimeNs;
}
