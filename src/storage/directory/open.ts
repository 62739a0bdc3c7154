import { constants, type BigIntStats } from 'node:fs';
import { access, mkdir, realpath, stat, type FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { directoryError, errno, failure, type DirectoryContext } from './errors.ts';
import { descend, openFile } from './folder.ts';
import type { DirectoryKey } from './keys.ts';
import { makeStateFolder } from './lock.ts';
import { LINK, SPECIAL, type OnSkipped } from './list.ts';

export interface OpenFile {
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
}

/**
 * Returns the real path of a store's folder. For `write`, makes the folder if it is missing; its parent must
 * exist. Rejects with a StoreError if there is no parent, if the path is not a folder, or if this process may
 * not read it or, for `write`, write it.
 */
export async function prepareRoot(
  path: string,
  use: 'read' | 'write',
  context: DirectoryContext,
): Promise<string> {
  const root = resolve(path);
  try {
    if (use === 'write') await makeRoot(root, context);
    const stats = await stat(root);
    if (!stats.isDirectory()) {
      throw failure('unsupported', context, `${root} is a file; a store must be a folder.`);
    }
    await access(root, constants.R_OK | constants.X_OK | (use === 'write' ? constants.W_OK : 0));
    if (use === 'write') await makeStateFolder(root);
    return await realpath(root);
  } catch (error) {
    const code = errno(error);
    if (code !== 'EACCES' && code !== 'EPERM') throw directoryError(error, context);
    const owner = await stat(root).then(
      (stats) => `The folder belongs to user id ${stats.uid}`,
      () => 'A folder above it cannot be entered',
    );
    const self = process.getuid?.() ?? 'another';
    throw failure(
      'access_denied',
      context,
      `${owner}, and this process (user id ${self}) may not ${use} there. Change the owner (chown) or run as that user.`,
      error,
    );
  }
}

async function makeRoot(root: string, context: DirectoryContext): Promise<void> {
  try {
    await mkdir(root, 0o755);
  } catch (error) {
    if (errno(error) === 'ENOENT') {
      const reason = `its parent folder ${dirname(root)} does not exist. Create it, or correct the path.`;
      throw failure('not_found', context, reason, error);
    }
    // A read-only file system gives EROFS even for an existing folder. The caller's stat finds out.
    if (errno(error) !== 'EEXIST' && errno(error) !== 'EROFS') throw error;
  }
}

/** Opens the object's file. Undefined if there is nothing, a folder, a link or a special file instead. */
export async function openObject(
  root: string,
  at: DirectoryKey,
  context: DirectoryContext,
  onSkipped: OnSkipped,
): Promise<OpenFile | undefined> {
  const key = [...at.folders, at.name].join('/');
  try {
    await using folder = await descend(root, at.folders);
    const handle = await openFile(folder, at.name);
    const stats = await handle.stat({ bigint: true });
    if (stats.isFile()) return { handle, stats };
    await handle.close();
    if (!stats.isDirectory()) onSkipped(key, SPECIAL);
    return undefined;
  } catch (error) {
    const code = errno(error) ?? '';
    if (!['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(code))
      throw directoryError(error, context);
    if (code === 'ELOOP') onSkipped(key, LINK);
    if (code === 'ENXIO') onSkipped(key, SPECIAL);
    await assertRootThere(root, context);
    return undefined;
  }
}

/** Throws if the store's own folder is missing (a disk unmounted, a folder renamed): that is not an empty store. */
async function assertRootThere(root: string, context: DirectoryContext): Promise<void> {
  await stat(root).catch((error: unknown) => {
    throw failure('not_found', context, `the store's folder ${root} is gone.`, error);
  });
}
