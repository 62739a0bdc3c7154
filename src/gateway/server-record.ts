import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { sha256 } from '../catalog/field-decoders.ts';
import type { Sha256 } from '../images/digests.ts';
import { decodedOrAbsent } from '../json/decode.ts';
import { listOf, object, text } from '../json/decoders.ts';

/** What a running gateway leaves for the command that makes tokens for it. */
export interface ServerRecord {
  /** `host:port`, as clients reach it. */
  readonly addresses: readonly string[];
  /** Of its certificate. */
  readonly fingerprint: Sha256;
}

const RECORD_FILE = 'server.json';

/** Writes the record into the gateway's part of the state folder. */
export async function writeServerRecord(folder: string, record: ServerRecord): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, RECORD_FILE);
  await writeFile(`${path}.new`, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

const serverRecord = object<ServerRecord>({
  addresses: listOf(text),
  fingerprint: sha256,
});

/** The last gateway's record; undefined when there is none that can be used. */
export async function readServerRecord(folder: string): Promise<ServerRecord | undefined> {
  const json = await readFile(join(folder, RECORD_FILE), 'utf8').catch(() => '');
  return decodedOrAbsent(serverRecord, json);
}
