import { invalidKey, keyProblem } from '../keys.ts';

/** What Linux's file systems allow for one name, in bytes. */
const MAX_NAME_BYTES = 255;

/** The folder of a directory store that is not part of its content: the lock, and the local mode's state. */
export const STATE_FOLDER = '.bucketstreams';

export interface DirectoryKey {
  readonly folders: readonly string[];
  readonly name: string;
}

/**
 * The one door for keys of a directory store. Throws `invalid_key` for what is no relative path of names.
 * Undefined for a key with a name that starts with a dot: such files (temporary ones, the state folder)
 * are no objects.
 */
export function readableKey(operation: string, url: string, key: string): DirectoryKey | undefined {
  const names = key.split('/');
  const problem = keyProblem(key) ?? nameProblem(names);
  if (problem !== undefined) throw invalidKey(operation, url, key, problem);
  if (names.some((name) => name.startsWith('.'))) return undefined;
  return { folders: names.slice(0, -1), name: names.at(-1) ?? '' };
}

/** The same for writers, which are refused dot names too. */
export function writableKey(operation: string, url: string, key: string): DirectoryKey {
  const parts = readableKey(operation, url, key);
  if (parts !== undefined) return parts;
  throw invalidKey(operation, url, key, 'a name in it starts with a dot');
}

function nameProblem(names: readonly string[]): string | undefined {
  const long = names.some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES);
  return long ? `a name in it is longer than ${MAX_NAME_BYTES} bytes` : undefined;
}
