import type { MirrorWork } from './ledger/work.ts';
import { isStoreError } from '../storage/errors.ts';
import { mapConcurrently } from '../pipeline/concurrently.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import type { Mirror } from './mirror.ts';
import type { WorkOutcome } from './tasks.ts';

/** After so long a replica that has not come counts as stuck, and is copied by us; milliseconds. */
export const REPAIR_AFTER_MS = 60 * 60 * 1000;

/** At most so many questions about one mirror's replication are under way at once. */
const QUESTIONS_AT_ONCE = 16;

/**
 * Of objects that have not come to the mirror yet, those that the service has given up on: one `stat` of
 * each on the master. One that cannot be asked about is not among them, for its age will tell.
 */
export async function failedReplications(
  { store, log }: PipelineContext,
  { name }: Mirror,
  missing: readonly (MirrorWork & { readonly kind: 'copy' })[],
): Promise<readonly string[]> {
  const failed: string[] = [];
  await mapConcurrently(missing, QUESTIONS_AT_ONCE, async ({ key, wanted }) => {
    try {
      const source = await store.stat(key);
      if (source?.etag === wanted.etag && source.replication === 'failed') failed.push(key);
    } catch (error) {
      if (!isStoreError(error)) throw error;
      log('warn', 'replication status not known', { mirror: name, key, error: error.message });
    }
  });
  if (failed.length > 0) {
    log('warn', 'replication failed', { mirror: name, objects: failed.length, first: failed[0] });
  }
  return failed;
}

/**
 * Proves a replica without reading it: the service's replication keeps the version id of its source, so the
 * same id and size are the same bytes. Undefined when that cannot tell.
 */
export async function proveReplica(
  { store: master }: PipelineContext,
  { store }: Mirror,
  { key, wanted, etag }: MirrorWork & { readonly kind: 'read' },
): Promise<WorkOutcome | undefined> {
  const [source, replica] = await Promise.all([master.stat(key), store.stat(key)]);
  if (source?.etag !== wanted.etag || replica?.etag !== etag) return { kind: 'look' };
  const { versionId } = source;
  // What was stored while versioning was off has the id `null` on both sides, whatever it holds.
  if (versionId === undefined || versionId === 'null' || replica.versionId !== versionId) {
    return undefined;
  }
  if (replica.size !== wanted.size) return undefined;
  const { size, sha256 } = wanted;
  const proven = { etag, size, sha256, source: source.etag, proof: 'replica' as const };
  return { kind: 'proven', proven, bytes: 0 };
}
