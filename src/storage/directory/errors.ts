import { StoreError, type StoreErrorCode } from '../errors.ts';
import { errorText } from '../../log/error-text.ts';

export interface DirectoryContext {
  readonly operation: 'open' | 'stat' | 'read' | 'list' | 'write' | 'upload' | 'copy' | 'remove';
  readonly url: string;
  readonly key?: string;
}

const WRITES: readonly string[] = ['write', 'upload', 'copy'];

/** Converts `error` to a StoreError. Only this function maps errno names to store error codes. */
export function directoryError(error: unknown, context: DirectoryContext): StoreError {
  if (error instanceof StoreError) return error;
  const [code, reason] = classify(error, WRITES.includes(context.operation));
  return failure(code, context, reason, error);
}

/** Makes a StoreError. Its message names the operation, the key and the store, and ends with `reason`. */
export function failure(
  code: StoreErrorCode,
  context: DirectoryContext,
  reason: string,
  cause?: unknown,
): StoreError {
  const { operation, url, key } = context;
  const what = key === undefined ? url : `${JSON.stringify(key)} in ${url}`;
  return new StoreError(code, operation, `Cannot ${operation} ${what}: ${reason}`, {
    ...(key === undefined ? {} : { key }),
    cause,
  });
}

/** The errno name of a file system error (`ENOENT`…), or undefined. */
export function errno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

function classify(error: unknown, writing: boolean): readonly [StoreErrorCode, string] {
  switch (errno(error) ?? '') {
    case 'ENOENT':
      return ['not_found', 'it does not exist.'];
    case 'EACCES':
    case 'EPERM':
      return [
        'access_denied',
        `permission denied. ${process(error)}Change the owner or mode of the file and its folders, or run as the user who owns them.`,
      ];
    case 'EROFS':
      return ['access_denied', 'the file system is mounted read-only. Remount it for writing.'];
    case 'ENOSPC':
      return ['no_space', 'the disk is full. Free some space and try again.'];
    case 'EDQUOT':
      return ['no_space', 'the disk quota is used up. Free some space or raise the quota.'];
    case 'EFBIG':
      return [
        'no_space',
        'the file would be larger than the file system or the limit of this process (ulimit -f) allows.',
      ];
    case 'ENAMETOOLONG':
    case 'EILSEQ':
    case 'EINVAL':
      return ['invalid_key', 'the file system does not accept this name. Choose another key.'];
    case 'ENOTDIR':
      return writing
        ? ['invalid_key', 'a part of the key is a file, so nothing can be stored below it.']
        : ['not_found', 'a part of the key is a file, not a folder.'];
    case 'EISDIR':
    case 'ENOTEMPTY':
      return ['invalid_key', 'there is a folder of that name. Choose another key.'];
    case 'ELOOP':
      return [
        writing ? 'invalid_key' : 'not_found',
        'a part of it is a symbolic link, and links are not followed. Put a real file or folder there.',
      ];
    case 'EMFILE':
    case 'ENFILE':
      return ['unavailable', 'too many files are open. Raise the limit (ulimit -n).'];
    default:
      return ['unavailable', `${errorText(error)}.`];
  }
}

function process(error: unknown): string {
  const path = error instanceof Error && 'path' in error ? error.path : undefined;
  return typeof path === 'string' && !path.startsWith('/proc/self/') ? `(${path}) ` : '';
}
