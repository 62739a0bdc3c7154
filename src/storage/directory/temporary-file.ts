import { randomBytes } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { errno } from './errors.ts';
import { descend, inFolder, type Folder } from './folder.ts';

/** Leading dot: never listed. */
const PREFIX = '.tmp-';
const FOLDER_VANISHED_TRIES = 5;

/** A file being written beside its target. Disposing of it removes it, unless it was published. */
export interface Temporary extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly folder: Folder;
  /** Puts what `make` makes at a path of its own in the place of the file, if it says that it did. */
  replace(make: (path: string | Buffer) => Promise<boolean>): Promise<boolean>;
  /** Puts the file's bytes on the disk. */
  settle(): Promise<void>;
  /**
   * Makes its modification time later than `other` (nanoseconds). A file system's clock ticks slowly and
   * inodes are reused, so two files placed under one name within a tick could else share an ETag.
   */
  makeLaterThan(other: bigint): Promise<void>;
  /** Gives the file its name, durably. Resolves to its final state. */
  publish(name: string): Promise<BigIntStats>;
}

/** Whether a name in a folder is one of ours, and can be cleaned away once it is old. */
export function isTemporary(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** An empty file in the folder at `folders`, which is made when missing. */
export async function temporaryFile(root: string, folders: readonly string[]): Promise<Temporary> {
  for (let tries = 1; ; tries += 1) {
    try {
      const folder = await descend(root, folders, { create: true });
      return await createIn(folder).catch(async (error: unknown) => {
        await folder[Symbol.asyncDispose]();
        throw error;
      });
    } catch (error) {
      // A removal beside us may prune a folder just after we made it.
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
