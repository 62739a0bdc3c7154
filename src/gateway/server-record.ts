import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { sha256 } from '../catalog/field-decoders.ts';
import type { Sha256 } from '../images/digests.ts';
import { decodedOrAbsent } from '../json/decode.ts';
import { listOf, object, text } from '../json/decoders.ts';

/** The record of a running gateway. The command that creates tokens reads it. */
export interface ServerRecord {
  /** `host:port`, as clients reach the gateway. */
  readonly addresses: readonly string[];
  /** The fingerprint of the gateway's certificate. */
  readonly fingerprint: Sha256;
}

const RECORD_FILE = 'server.json';

/** Writes the record to `folder`, the gateway's part of the state folder. */
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

/** Returns the last gateway's record; undefined when there is no usable one. */
export async function readServerRecord(folder: string): Promise<ServerRecord | undefined> {
  const json = await readFile(join(folder, RECORD_FILE), 'utf8').catch(() => '');
  return decodedOrAbsent(serverRecord, json);
}
