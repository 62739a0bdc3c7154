import { readFile } from 'node:fs/promises';

import { parseJson } from '../json/decode.ts';
import { textOf } from '../json/is-object.ts';

/** The version of bucketstreams itself, for people. */
export async function packageVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return textOf(parseJson(text), 'version') ?? 'of unknown version';
}
