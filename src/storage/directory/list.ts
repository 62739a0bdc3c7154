import type { BigIntStats, Dirent } from 'node:fs';
import { lstat, readdir, stat, unlink } from 'node:fs/promises';
import { errno } from './errors.ts';
import { descend, inFolder, openFolder, type Folder } from './folder.ts';
import { isTemporary } from './temporary-file.ts';
import { compareKeys } from '../keys.ts';

/** Called for each entry of the store that is not an object, with the reason. */
export type OnSkipped = (key: string, reason: string) => void;

/** Reasons for skipping an entry, each with a remedy. */
export const LINK =
  'a symbolic link, and links are not followed: put the file or folder itself there';
export const SPECIAL = 'not a regular file: put one there, or take it away';
export const DENIED =
  'a folder that this process may not look into: change its owner or mode. Until then what the catalog has below it stays';

/** Which files to list, and the callbacks for entries that are left out. */
export interface Wanted {
  readonly prefix: string;
  readonly startAfter: string;
  readonly onSkipped: OnSkipped;
  /**
   * Called for a folder that this process may not read. If it returns, the folder is skipped; if it throws, the
   * listing fails.
   */
  readonly onDenied: (key: string, error: unknown) => void;
}

export interface ListedFile {
  readonly key: string;
  readonly stats: BigIntStats;
}

interface Entry {
  /** The key, with `/` at its end for a folder, so that entries sort like the keys below them (`a-b/` before `a/`). */
  readonly key: string;
  readonly name: Buffer;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
}

/** A temporary file that has not changed for this time has no living writer. */
const ABANDONED_MS = 24 * 60 * 60_000;
/** How many files are examined (lstat) at once. */
const BATCH = 32;

/**
 * Yields the files whose keys start with `prefix` and sort after `startAfter`, in the byte order of their keys.
 * Keeps the names of one folder for each level in memory. Leaves out files and folders that are deleted
 * during the listing.
 */
export async function* listFiles(root: string, wanted: Wanted): AsyncGenerator<ListedFile> {
  const folders = wanted.prefix.split('/').slice(0, -1);
  if (folders.some((name) => name === '' || name.startsWith('.') || name.includes('\0'))) return;
  const above = folders.map((name) => `${name}/`).join('');
  let folder: Folder;
  try {
    folder = await descend(root, folders);
  } catch (error) {
    if (errno(error) === 'ELOOP') wanted.onSkipped(above, LINK);
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'].includes(errno(error) ?? '')) {
      await stat(root); // Rejects if the store's own folder is missing: that is not an empty store.
      return;
    }
    throw error;
  }
  yield* walk(folder, above, wanted);
}

async function* walk(opened: Folder, above: string, wanted: Wanted): AsyncGenerator<ListedFile> {
  await using folder = opened;
  let files: Entry[] = [];
  const entries = await unlessDenied(entriesOf(folder, above, wanted), above, wanted);
  for (const entry of entries ?? []) {
    if (entry.kind === 'file') files.push(entry);
    else if (entry.kind === 'link') wanted.onSkipped(entry.key, LINK);
    else if (entry.kind === 'other') wanted.onSkipped(entry.key, SPECIAL);
    if (files.length === BATCH || entry.kind === 'folder') {
      yield* statEntries(folder, files, above, wanted);
      files = [];
    }
    if (entry.kind === 'folder') {
      const below = await openIfThere(folder, entry, wanted);
      if (below !== undefined) yield* walk(below, entry.key, wanted);
    }
  }
  yield* statEntries(folder, files, above, wanted);
}

async function entriesOf(folder: Folder, above: string, wanted: Wanted): Promise<Entry[]> {
  const found = await readdir(Buffer.from(folder.path), {
    withFileTypes: true,
    encoding: 'buffer',
  });
  const entries: Entry[] = [];
  for (const entry of found) {
    const text = entry.name.toString('utf8');
    if (isTemporary(text)) await removeAbandoned(folder, entry.name);
    if (text.startsWith('.')) continue;
    const kind = kindOf(entry);
    const key = above + text + (kind === 'folder' ? '/' : '');
    if (mayHold(key, kind === 'folder', wanted)) entries.push({ key, name: entry.name, kind });
  }
  return entries.sort((a, b) => compareKeys(a.key, b.key));
}

/** Returns whether the listing can include this key or, for a folder, a key below it. */
function mayHold(key: string, folder: boolean, { prefix, startAfter }: Wanted): boolean {
  if (!key.startsWith(prefix) && !(folder && prefix.startsWith(key))) return false;
  return compareKeys(key, startAfter) > 0 || (folder && startAfter.startsWith(key));
}

async function* statEntries(
  folder: Folder,
  entries: readonly Entry[],
  above: string,
  wanted: Wanted,
): AsyncGenerator<ListedFile> {
  const pending = Promise.all(
    entries.map((entry) => unlessGone(lstat(inFolder(folder, entry.name), { bigint: true }))),
  );
  const found = (await unlessDenied(pending, above, wanted)) ?? [];
  for (const [index, stats] of found.entries()) {
    const key = entries[index]?.key;
    if (stats === undefined || key === undefined) continue;
    if (stats.isFile()) yield { key, stats };
    else wanted.onSkipped(key, SPECIAL);
  }
}

/** Opens a folder by its raw name. The name may not be UTF-8: such keys are listed, and callers reject them. */
async function openIfThere(
  folder: Folder,
  entry: Entry,
  wanted: Wanted,
): Promise<Folder | undefined> {
  try {
    return await unlessDenied(openFolder(folder, entry.name), entry.key, wanted);
  } catch (error) {
    if (errno(error) === 'ELOOP') wanted.onSkipped(entry.key, LINK);
    else if (errno(error) !== 'ENOENT' && errno(error) !== 'ENOTDIR') throw error;
    return undefined;
  }
}

async function unlessDenied<T>(
  work: Promise<T>,
  key: string,
  { onDenied }: Wanted,
): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errno(error) !== 'EACCES' && errno(error) !== 'EPERM') throw error;
    onDenied(key, error);
    return undefined;
  }
}

async function removeAbandoned(folder: Folder, name: Buffer): Promise<void> {
  const path = inFolder(folder, name);
  const stats = await unlessGone(lstat(path));
  if (stats === undefined || Date.now() - stats.ctimeMs < ABANDONED_MS) return;
  // A process that only reads the store may not delete files. A later listing by a writer deletes this one.
  await unlink(path).catch(() => undefined);
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function kindOf(entry: Dirent<Buffer>): Entry['kind'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'link' : 'other';
}
