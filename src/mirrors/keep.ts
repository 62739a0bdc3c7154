import {
  mirrorRecordKey,
  nextMirrorRecord,
  parseMirrorRecord,
  type MirrorRecord,
} from './ledger/record.ts';
import { isStoreError } from '../storage/errors.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { CatalogMemory } from '../pipeline/documents/catalog-memory.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { fanOut, type FanOutLimits, type FanOutReport } from './fan-out.ts';
import type { Mirror } from './mirror.ts';
import { readBytes } from '../pipeline/read-bytes.ts';
import { errorText } from '../log/error-text.ts';

const RECORD_LIMIT = 64 * 1024;

/**
 * Runs `fanOut` and stores its last error on the master for `status`. The record is written only when it
 * changes.
 */
export async function keepMirror(
  context: PipelineContext,
  mirror: Mirror,
  limits: FanOutLimits = {},
): Promise<FanOutReport> {
  const memory = limits.memory ?? new CatalogMemory();
  try {
    const report = await fanOut(context, mirror, { ...limits, memory });
    const [failure] = report.failures;
    await storeRecord(context, mirror, memory, failure && { key: failure[0], error: failure[1] });
    return report;
  } catch (error) {
    await storeRecord(context, mirror, memory, { error });
    throw error;
  }
}

/** Returns the last error of a mirror; undefined when there is none. Throws the master's errors. */
export async function readMirrorRecord(
  store: ObjectStore,
  name: string,
): Promise<MirrorRecord | undefined> {
  try {
    const bytes = await readBytes(store, mirrorRecordKey(name), { limit: RECORD_LIMIT });
    return parseMirrorRecord(bytes.toString('utf8'));
  } catch (error) {
    if (isStoreError(error, 'not_found')) return undefined;
    throw error;
  }
}

async function storeRecord(
  { store, now, log }: PipelineContext,
  { name }: Mirror,
  memory: CatalogMemory,
  failure: { readonly key?: string; readonly error: unknown } | undefined,
): Promise<void> {
  try {
    const before = await readMirrorRecord(store, name);
    const { key, error } = failure ?? {};
    const met = failure && {
      ...(key === undefined ? {} : { key }),
      message: errorText(error),
    };
    const next = nextMirrorRecord(before, met, now());
    if (next === undefined || next === before) return;
    // Nothing is written to a master that is not mounted or is not the intended one.
    if ((await memory.load(store)) === undefined) return;
    await store.write(mirrorRecordKey(name), Buffer.from(JSON.stringify(next) + '\n'), {
      contentType: 'application/json',
    });
  } catch (error) {
    // The result of the run matters more than its record.
    log('debug', 'last error of a mirror not kept', { mirror: name, error: String(error) });
  }
}
