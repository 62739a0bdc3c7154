import { randomBytes } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { errno } from './errors.ts';
import { descend, inFolder, type Folder } from './folder.ts';

/** The leading dot keeps these files out of listings. */
const PREFIX = '.tmp-';
const FOLDER_VANISHED_TRIES = 5;

/** A file that is written in its target's folder. Disposing deletes it, unless it was published. */
export interface Temporary extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly folder: Folder;
  /** Calls `make` with a new path. If it resolves to true, the file at that path replaces this one. */
  replace(make: (path: string | Buffer) => Promise<boolean>): Promise<boolean>;
  /** Flushes the file to the disk (fsync). */
  settle(): Promise<void>;
  /**
   * Makes the file's modification time later than `other` (nanoseconds). Without this, two files written
   * under one name in the same tick of the file system's clock could have the same ETag, since inodes are
   * reused.
   */
  makeLaterThan(other: bigint): Promise<void>;
  /** Renames the file to `name` and flushes the folder. Resolves to the file's final state. */
  publish(name: string): Promise<BigIntStats>;
}

/** Returns whether a name is that of a temporary file, which can be deleted when it is old. */
export function isTemporary(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** Makes an empty file in the folder at `folders`, and that folder if it is missing. */
export async function temporaryFile(root: string, folders: readonly string[]): Promise<Temporary> {
  for (let tries = 1; ; tries += 1) {
    try {
      const folder = await descend(root, folders, { create: true });
      return await createIn(folder).catch(async (error: unknown) => {
        await folder[Symbol.asyncDispose]();
        throw error;
      });
    } catch (error) {
      // A concurrent removal may delete an empty folder just after we made it.
      if (errno(error) !== 'ENOENT' || tries === FOLDER_VANISHED_TRIES) throw error;
    }
  }
}

async function createIn(folder: Folder): Promise<Temporary> {
  const name = `${PREFIX}${process.pid}-${randomBytes(8).toString('hex')}`;
  const path = inFolder(folder, name);
  let handle = await open(path, 'wx', 0o644);
  let published = false;
  return {
    get handle() {
      return handle;
    },
    folder,
    async replace(make) {
      const other = inFolder(folder, `${name}-made`);
      try {
        if (!(await make(other))) return false;
        await rename(other, path);
      } catch (error) {
        await unlink(other).catch(ignoreMissing);
        throw error;
      }
      await handle.close();
      handle = await open(path, 'r+');
      return true;
    },
    settle: () => handle.sync(),
    async makeLaterThan(other) {
      const { mtimeNs } = await handle.stat({ bigint: true });
      if (mtimeNs > other) return;
      const seconds = (Number(other / 1_000_000n) + 1) / 1000;
      await handle.utimes(seconds, seconds);
    },
    async publish(name) {
      await rename(path, inFolder(folder, name));
      published = true;
      await folder.handle.sync();
      return handle.stat({ bigint: true });
    },
    async [Symbol.asyncDispose]() {
      try {
        if (!published) await unlink(path).catch(ignoreMissing);
      } finally {
        await handle.close();
        await folder[Symbol.asyncDispose]();
      }
    },
  };
}

function ignoreMissing(error: unknown): void {
  if (errno(error) !== 'ENOENT') throw error;
}
