import { invalidKey, keyProblem } from '../keys.ts';

/** The longest file name on Linux's file systems, in bytes. */
const MAX_NAME_BYTES = 255;

/** The folder with the lock and the local mode's state. It is not part of the store's content. */
export const STATE_FOLDER = '.bucketstreams';

export interface DirectoryKey {
  readonly folders: readonly string[];
  readonly name: string;
}

/**
 * Parses a key for a read. All keys of a directory store pass this function. Throws `invalid_key` if the key
 * is not a relative path. Returns undefined if a name in it starts with a dot: temporary files and the state
 * folder are not objects.
 */
export function readableKey(operation: string, url: string, key: string): DirectoryKey | undefined {
  const names = key.split('/');
  const problem = keyProblem(key) ?? nameProblem(names);
  if (problem !== undefined) throw invalidKey(operation, url, key, problem);
  if (names.some((name) => name.startsWith('.'))) return undefined;
  return { folders: names.slice(0, -1), name: names.at(-1) ?? '' };
}

/** Parses a key for a write. Throws `invalid_key` also if a name in it starts with a dot. */
export function writableKey(operation: string, url: string, key: string): DirectoryKey {
  const parts = readableKey(operation, url, key);
  if (parts !== undefined) return parts;
  throw invalidKey(operation, url, key, 'a name in it starts with a dot');
}

function nameProblem(names: readonly string[]): string | undefined {
  const long = names.some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES);
  return long ? `a name in it is longer than ${MAX_NAME_BYTES} bytes` : undefined;
}
