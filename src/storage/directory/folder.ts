import { constants, existsSync } from 'node:fs';
import { lstat, mkdir, open, type FileHandle } from 'node:fs/promises';
import { errno } from './errors.ts';

/**
 * An open folder. Names are resolved in the open folder itself, not along a path in which someone may
 * meanwhile put a symbolic link.
 */
export interface Folder extends AsyncDisposable {
  readonly handle: FileHandle;
  /** The path to give to file system calls while the folder is open. */
  readonly path: string | Buffer;
}

/** A path (of folders from the store's root) turned out to hold a symbolic link. `code` is `ELOOP`. */
class SymbolicLinkError extends Error {
  override readonly name = 'SymbolicLinkError';
  readonly code = 'ELOOP';
}

// Node has no openat(2), but Linux resolves names below a descriptor's own entry in /proc just so.
const HAS_DESCRIPTOR_PATHS = process.platform === 'linux' && existsSync('/proc/self/fd');
const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
// A pipe with no writer would block the open for ever.
const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The path of `name` in an open folder. A Buffer for a name that may not be UTF-8. */
export function inFolder(folder: Folder, name: string | Buffer): string | Buffer {
  if (typeof name === 'string' && typeof folder.path === 'string') return `${folder.path}/${name}`;
  return Buffer.concat([Buffer.from(folder.path), Buffer.from('/'), Buffer.from(name)]);
}

/** Opens the store's root. It alone may be reached through a symbolic link: the user named it. */
async function openRoot(path: string): Promise<Folder> {
  return asFolder(await open(path, constants.O_RDONLY | constants.O_DIRECTORY), path);
}

/** Opens a folder in `parent`. Rejects with `SymbolicLinkError` for a link, else with errno's names. */
export async function openFolder(parent: Folder, name: string | Buffer): Promise<Folder> {
  const path = inFolder(parent, name);
  try {
    return asFolder(await open(path, FOLDER_FLAGS), path);
  } catch (error) {
    throw await clarified(error, path);
  }
}

/** Opens the folder at `names` below `root`; with `create`, makes what is missing (mode 0755). */
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

/** A path that means the open file or folder itself, whatever its name now is; undefined where there is none. */
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

/** Linux answers ENOTDIR, not ELOOP, where a folder was wanted and a link was found. */
async function clarified(error: unknown, path: string | Buffer): Promise<unknown> {
  if (errno(error) !== 'ENOTDIR' && errno(error) !== 'ELOOP') return error;
  const stats = await lstat(path).catch(() => undefined);
  if (stats?.isSymbolicLink() !== true) return error;
  return new SymbolicLinkError(`${path.toString()} is a symbolic link`, { cause: error });
}
