import { readFile } from 'node:fs/promises';

/** The version of bucketstreams itself, for people. */
export async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const parsed: unknown = JSON.parse(text);
  const known = typeof parsed === 'object' && parsed !== null && 'version' in parsed;
  return known && typeof parsed.version === 'string' ? parsed.version : 'of unknown version';
}
