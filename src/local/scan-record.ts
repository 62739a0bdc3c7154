import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ScanSummary } from './keep-store.ts';

const FILE = 'last-sweep.json';

/** Leaves what the last enumeration found in the state folder, for `status`. */
export async function writeScanRecord(stateDir: string, report: ScanSummary): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const temporary = join(stateDir, `.${FILE}.${process.pid}`);
  await writeFile(temporary, JSON.stringify(report) + '\n');
  await rename(temporary, join(stateDir, FILE));
}

/** The last record, or undefined when there is none that can be read. */
export async function readScanRecord(stateDir: string): Promise<ScanSummary | undefined> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(stateDir, FILE), 'utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const count = (name: string) => {
    const field = fields.get(name);
    return typeof field === 'number' ? field : Number.NaN;
  };
  const report = {
    endedAt: count('endedAt'),
    dirty: count('dirty'),
    heldRemovals: count('heldRemovals'),
    refused: count('refused'),
  };
  return Object.values(report).some(Number.isNaN) ? undefined : report;
}
