import { StoreError } from './errors.ts';

/** S3's limit for a key, in bytes of UTF-8. */
const MAX_KEY_BYTES = 1024;

/**
 * Returns why no store accepts `key`; undefined if it is valid. A key is a relative path of at most 1024 bytes
 * of UTF-8. Its names are joined by `/`. No name is empty, `.` or `..`.
 */
export function keyProblem(key: string): string | undefined {
  if (key === '') return 'it is empty';
  if (!key.isWellFormed()) return 'it is not valid Unicode';
  if (key.includes('\0')) return 'it holds a NUL character';
  if (key.startsWith('/')) return 'it starts with a slash';
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `it is longer than ${MAX_KEY_BYTES} bytes`;
  for (const name of key.split('/')) {
    if (name === '') return 'it has an empty name (two slashes in a row, or one at the end)';
    if (name === '.' || name === '..') return `it has the name "${name}"`;
  }
  return undefined;
}

/** Throws `invalid_key` for a key that no store accepts. */
export function assertWritableKey(operation: string, url: string, key: string): void {
  const problem = keyProblem(key);
  if (problem !== undefined) throw invalidKey(operation, url, key, problem);
}

export function invalidKey(
  operation: string,
  url: string,
  key: string,
  problem: string,
): StoreError {
  return new StoreError(
    'invalid_key',
    operation,
    `Cannot ${operation} ${JSON.stringify(key)} in ${url}: the key cannot be used here, ${problem}. Choose another key.`,
    { key },
  );
}

/** Compares keys by their UTF-8 bytes, which is the order of S3's listings. JavaScript compares UTF-16 units. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
