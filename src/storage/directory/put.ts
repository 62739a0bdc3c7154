import { lstat, rmdir, unlink } from 'node:fs/promises';
import { directoryError, errno, failure, type DirectoryContext } from './errors.ts';
import { descend, inFolder, type Folder } from './folder.ts';
import { etagOf, infoOf } from './info.ts';
import type { DirectoryKey } from './keys.ts';
import type { DirectoryLock } from './lock.ts';
import { temporaryFile, type Temporary } from './temporary-file.ts';
import type { ETag, ObjectInfo, WriteCondition } from '../object-store.ts';

export interface PutOrder {
  readonly root: string;
  readonly lock: DirectoryLock;
  readonly context: DirectoryContext & { readonly key: string };
  readonly at: DirectoryKey;
  readonly condition: WriteCondition | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Stores the file that `fill` writes under the key, atomically. The condition is checked under the lock, just
 * before the file gets its name.
 */
export async function putFile(
  { root, lock, context, at, condition, signal }: PutOrder,
  fill: (temporary: Temporary) => Promise<void>,
): Promise<ObjectInfo> {
  try {
    await using temporary = await temporaryFile(root, at.folders);
    await fill(temporary);
    await temporary.settle();
    return await lock.hold(
      context,
      async (placed) => {
        const present = await presentState(temporary.folder, at.name, context);
        assertHolds(condition, present?.etag, context);
        const before = placed.modified(context.key) ?? 0n;
        await temporary.makeLaterThan(
          present !== undefined && present.modified > before ? present.modified : before,
        );
        const stats = await temporary.publish(at.name);
        placed.add(context.key, etagOf(stats), stats.mtimeNs);
        return infoOf(context.key, stats, 0);
      },
      signal,
    );
  } catch (error) {
    throw directoryError(error, context);
  }
}

/** Deletes the file and the folders that become empty. `ifMatch` works as in `ObjectStore.remove`. */
export async function removeFile(
  { root, lock, context, at }: Omit<PutOrder, 'condition' | 'signal'>,
  ifMatch: ETag | undefined,
): Promise<void> {
  try {
    await lock.hold(context, async () => {
      try {
        await using folder = await descend(root, at.folders);
        const present = await presentState(folder, at.name, context);
        if (ifMatch !== undefined) assertHolds({ ifMatch }, present?.etag, context);
        if (present === undefined) return;
        await unlink(inFolder(folder, at.name));
        await folder.handle.sync();
      } catch (error) {
        const absent = ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errno(error) ?? '');
        if (!absent || ifMatch !== undefined) throw error;
      }
    });
    await pruneEmpty(root, at.folders);
  } catch (error) {
    throw directoryError(error, context);
  }
}

async function presentState(
  folder: Folder,
  name: string,
  context: DirectoryContext,
): Promise<{ etag: ETag; modified: bigint } | undefined> {
  const stats = await lstat(inFolder(folder, name), { bigint: true }).catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (stats === undefined) return undefined;
  if (stats.isFile()) return { etag: etagOf(stats), modified: stats.mtimeNs };
  if (context.operation === 'remove') return undefined;
  const what = stats.isDirectory()
    ? 'a folder'
    : stats.isSymbolicLink()
      ? 'a symbolic link'
      : 'a special file';
  throw failure('invalid_key', context, `${what} of that name is in the way. Remove it first.`);
}

function assertHolds(
  condition: WriteCondition | undefined,
  present: ETag | undefined,
  context: DirectoryContext,
): void {
  if (condition === undefined) return;
  if ('ifAbsent' in condition) {
    if (present === undefined) return;
    throw failure('precondition_failed', context, 'it exists already.');
  }
  if (present === undefined) throw failure('not_found', context, 'it does not exist any more.');
  if (present !== condition.ifMatch) {
    throw failure('precondition_failed', context, 'it was changed by someone else meanwhile.');
  }
}

async function pruneEmpty(root: string, folders: readonly string[]): Promise<void> {
  for (let depth = folders.length; depth > 0; depth -= 1) {
    try {
      await using parent = await descend(root, folders.slice(0, depth - 1));
      await rmdir(inFolder(parent, folders[depth - 1] ?? ''));
    } catch {
      return; // The folder is not empty, missing, or not writable for us. An empty folder does no harm.
    }
  }
}
