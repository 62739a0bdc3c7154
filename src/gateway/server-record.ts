import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseSha256, type Sha256 } from '../images/digests.ts';

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

/** The last gateway's record; undefined when there is none that can be used. */
export async function readServerRecord(folder: string): Promise<ServerRecord | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(folder, RECORD_FILE), 'utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { addresses, fingerprint } = value as Readonly<Record<string, unknown>>;
  const digest = typeof fingerprint === 'string' ? parseSha256(fingerprint) : undefined;
  if (!digest || !Array.isArray(addresses)) return undefined;
  return {
    addresses: addresses.filter((address): address is string => typeof address === 'string'),
    fingerprint: digest,
  };
}
