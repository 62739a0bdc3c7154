import { constants } from 'node:fs';
import { chmod, copyFile, type FileHandle } from 'node:fs/promises';
import { errno } from './errors.ts';
import { descriptorPath } from './folder.ts';
import type { Temporary } from './temporary-file.ts';

const CANNOT_CLONE = ['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM'];

/**
 * Makes `target` share the blocks of the open file `source`, which takes no time and no space. False where
 * the file system cannot (most cannot), or over two file systems: then the bytes must be copied.
 */
export async function clone(source: FileHandle, target: Temporary): Promise<boolean> {
  const from = descriptorPath(source);
  if (from === undefined) return false;
  const { mode } = await target.handle.stat();
  return target.replace(async (path) => {
    try {
      await copyFile(from, path, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
      // copyFile gives the source's mode, which is not this store's business.
      await chmod(path, mode & 0o777);
      return true;
    } catch (error) {
      if (CANNOT_CLONE.includes(errno(error) ?? '')) return false;
      throw error;
    }
  });
}
