import { constants } from 'node:fs';
import { chmod, copyFile, type FileHandle } from 'node:fs/promises';
import { errno } from './errors.ts';
import { descriptorPath } from './folder.ts';
import type { Temporary } from './temporary-file.ts';

const CANNOT_CLONE = ['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM'];

/**
 * Makes `target` share the blocks of the open file `source`, which takes no time and no space. Returns false
 * if the file system cannot do that (most cannot), or if the files are on two file systems. The caller must
 * then copy the bytes.
 */
export async function clone(source: FileHandle, target: Temporary): Promise<boolean> {
  const from = descriptorPath(source);
  if (from === undefined) return false;
  const { mode } = await target.handle.stat();
  return target.replace(async (path) => {
    try {
      await copyFile(from, path, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
      // copyFile also copies the mode of the source, which may differ from the mode of this store's files.
      await chmod(path, mode & 0o777);
      return true;
    } catch (error) {
      if (CANNOT_CLONE.includes(errno(error) ?? '')) return false;
      throw error;
    }
  });
}
