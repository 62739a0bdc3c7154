import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { decodedOrAbsent } from '../json/decode.ts';
import { count, object } from '../json/decoders.ts';
import type { ScanSummary } from './keep-store.ts';

const FILE = 'last-sweep.json';

/** Stores the result of the last scan in the state folder, for `status`. */
export async function writeScanRecord(stateDir: string, report: ScanSummary): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const temporary = join(stateDir, `.${FILE}.${process.pid}`);
  await writeFile(temporary, JSON.stringify(report) + '\n');
  await rename(temporary, join(stateDir, FILE));
}

const scanSummary = object<ScanSummary>({
  endedAt: count,
  dirty: count,
  heldRemovals: count,
  refused: count,
});

/** Returns the last record, or undefined when there is no readable one. */
export async function readScanRecord(stateDir: string): Promise<ScanSummary | undefined> {
  const json = await readFile(join(stateDir, FILE), 'utf8').catch(() => '');
  return decodedOrAbsent(scanSummary, json);
}
