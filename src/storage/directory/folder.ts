import { constants, existsSync } from 'node:fs';
import { lstat, mkdir, open, type FileHandle } from 'node:fs/promises';
import { errno } from './errors.ts';

/**
 * An open folder. Names are resolved in the open folder itself. Resolving them along a path would be unsafe,
 * because another program may replace a part of the path by a symbolic link at any time.
 */
export interface Folder extends AsyncDisposable {
  readonly handle: FileHandle;
  /** The path to give to file system calls while the folder is open. */
  readonly path: string | Buffer;
}

/** A path below the store's root contains a symbolic link. `code` is `ELOOP`. */
class SymbolicLinkError extends Error {
  override readonly name = 'SymbolicLinkError';
  readonly code = 'ELOOP';
}

// Node has no openat(2). On Linux, a path below /proc/self/fd/<descriptor> has the same effect.
const HAS_DESCRIPTOR_PATHS = process.platform === 'linux' && existsSync('/proc/self/fd');
const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
// Without O_NONBLOCK, opening a pipe that has no writer blocks for ever.
const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Returns the path of `name` in an open folder. It is a Buffer if the name may not be UTF-8. */
export function inFolder(folder: Folder, name: string | Buffer): string | Buffer {
  if (typeof name === 'string' && typeof folder.path === 'string') return `${folder.path}/${name}`;
  return Buffer.concat([Buffer.from(folder.path), Buffer.from('/'), Buffer.from(name)]);
}

/** Opens the store's root. Only the root may be a symbolic link, because the user named it. */
async function openRoot(path: string): Promise<Folder> {
  return asFolder(await open(path, constants.O_RDONLY | constants.O_DIRECTORY), path);
}

/** Opens a folder in `parent`. Rejects with `SymbolicLinkError` for a link, else with the system's error. */
export async function openFolder(parent: Folder, name: string | Buffer): Promise<Folder> {
  const path = inFolder(parent, name);
  try {
    return asFolder(await open(path, FOLDER_FLAGS), path);
  } catch (error) {
    throw await clarified(error, path);
  }
}

/** Opens the folder at `names` below `root`. With `create`, makes missing folders (mode 0755). */
export async function descend(
  root: string,
  names: readonly string[],
  options: { readonly create?: boolean } = {},
): Promise<Folder> {
  let folder = await openRoot(root);
  for (const name of names) {
    const parent = folder;
    try {
      folder = await openFolder(parent, name).catch(async (error: unknown) => {
        if (options.create !== true || errno(error) !== 'ENOENT') throw error;
        await makeFolder(inFolder(parent, name));
        return openFolder(parent, name);
      });
    } finally {
      await parent[Symbol.asyncDispose]();
    }
  }
  return folder;
}

/** Opens a file in `folder` for reading. Rejects with `SymbolicLinkError` for a link. */
export async function openFile(folder: Folder, name: string): Promise<FileHandle> {
  const path = inFolder(folder, name);
  try {
    return await open(path, FILE_FLAGS);
  } catch (error) {
    throw await clarified(error, path);
  }
}

/** Returns a path that stays valid when the open file or folder is renamed; undefined without /proc/self/fd. */
export function descriptorPath(handle: FileHandle): string | undefined {
  return HAS_DESCRIPTOR_PATHS ? `/proc/self/fd/${handle.fd}` : undefined;
}

function asFolder(handle: FileHandle, path: string | Buffer): Folder {
  return {
    handle,
    path: descriptorPath(handle) ?? path,
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

async function makeFolder(path: string | Buffer): Promise<void> {
  try {
    await mkdir(path, 0o755);
  } catch (error) {
    if (errno(error) !== 'EEXIST') throw error;
  }
}

/** Replaces the error of a link by SymbolicLinkError: Linux reports ENOTDIR, not ELOOP, for a link with O_DIRECTORY. */
async function clarified(error: unknown, path: string | Buffer): Promise<unknown> {
  if (errno(error) !== 'ENOTDIR' && errno(error) !== 'ELOOP') return error;
  const stats = await lstat(path).catch(() => undefined);
  if (stats?.isSymbolicLink() !== true) return error;
  return new SymbolicLinkError(`${path.toString()} is a symbolic link`, { cause: error });
}
