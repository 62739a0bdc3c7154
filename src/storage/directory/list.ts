import type { BigIntStats, Dirent } from 'node:fs';
import { lstat, readdir, stat, unlink } from 'node:fs/promises';
import { errno } from './errors.ts';
import { descend, inFolder, openFolder, type Folder } from './folder.ts';
import { isTemporary } from './temporary-file.ts';
import { compareKeys } from '../keys.ts';

/** Told what lies in the store but is no object, and why. */
export type OnSkipped = (key: string, reason: string) => void;

/** Reasons of what is skipped, each with what to do. */
export const LINK =
  'a symbolic link, and links are not followed: put the file or folder itself there';
export const SPECIAL = 'not a regular file: put one there, or take it away';
export const DENIED =
  'a folder that this process may not look into: change its owner or mode. Until then what the catalog has below it stays';

/** What is to be listed, and who is told of what is not. */
export interface Wanted {
  readonly prefix: string;
  readonly startAfter: string;
  readonly onSkipped: OnSkipped;
  /** Told the key of a folder that may not be looked into, and why. It goes on past it, or throws. */
  readonly onDenied: (key: string, error: unknown) => void;
}

export interface ListedFile {
  readonly key: string;
  readonly stats: BigIntStats;
}

interface Entry {
  /** The key, and for a folder `/` after it: so entries sort as the keys below them do (`a-b/` before `a/`). */
  readonly key: string;
  readonly name: Buffer;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
}

/** A writer that has written nothing for so long is dead. */
const ABANDONED_MS = 24 * 60 * 60_000;
/** Files looked at together. */
const BATCH = 32;

/**
 * The files whose keys start with `prefix` and come after `startAfter`, in the order of their keys' bytes.
 * Holds the names of one folder a level at a time. Files and folders that vanish meanwhile are left out.
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
      await stat(root); // A store whose own folder is gone is not an empty store.
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
      yield* lookAt(folder, files, above, wanted);
      files = [];
    }
    if (entry.kind === 'folder') {
      const below = await openIfThere(folder, entry, wanted);
      if (below !== undefined) yield* walk(below, entry.key, wanted);
    }
  }
  yield* lookAt(folder, files, above, wanted);
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

/** Whether the key, or with a folder any key below it, can be among those wanted. */
function mayHold(key: string, folder: boolean, { prefix, startAfter }: Wanted): boolean {
  if (!key.startsWith(prefix) && !(folder && prefix.startsWith(key))) return false;
  return compareKeys(key, startAfter) > 0 || (folder && startAfter.startsWith(key));
}

async function* lookAt(
  folder: Folder,
  entries: readonly Entry[],
  above: string,
  wanted: Wanted,
): AsyncGenerator<ListedFile> {
  const looking = Promise.all(
    entries.map((entry) => unlessGone(lstat(inFolder(folder, entry.name), { bigint: true }))),
  );
  const looks = (await unlessDenied(looking, above, wanted)) ?? [];
  for (const [index, stats] of looks.entries()) {
    const key = entries[index]?.key;
    if (stats === undefined || key === undefined) continue;
    if (stats.isFile()) yield { key, stats };
    else wanted.onSkipped(key, SPECIAL);
  }
}

/** Opens a folder by its raw name, which may not be UTF-8: such keys are listed, and refused above. */
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
  // Whoever only reads the store may not be allowed to; the next writer's listing will.
  await unlink(path).catch(() => undefined);
}

async function unlessGone<T>(look: Promise<T>): Promise<T | undefined> {
  try {
    return await look;
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
