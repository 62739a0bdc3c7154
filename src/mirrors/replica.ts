import type { MirrorWork } from './ledger/work.ts';
import { isStoreError } from '../storage/errors.ts';
import { mapConcurrently } from '../pipeline/concurrently.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import type { Mirror } from './mirror.ts';
import type { WorkOutcome } from './tasks.ts';

/** Milliseconds after which a missing replica counts as stuck and is copied by us. */
export const REPAIR_AFTER_MS = 60 * 60 * 1000;

/** The largest number of concurrent status requests for one mirror's replication. */
const STATS_AT_ONCE = 16;

/**
 * Returns the objects, of those that the mirror does not have yet, that the service has given up replicating.
 * It does one `stat` of each on the master. An object whose `stat` fails is not returned; its age decides
 * later.
 */
export async function failedReplications(
  { store, log }: PipelineContext,
  { name }: Mirror,
  missing: readonly (MirrorWork & { readonly kind: 'copy' })[],
): Promise<readonly string[]> {
  const failed: string[] = [];
  await mapConcurrently(missing, STATS_AT_ONCE, async ({ key, wanted }) => {
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
 * Proves a replica without reading it. The service's replication keeps the version id of the source, so the
 * same id and size mean the same bytes. Returns undefined when this proves nothing.
 */
export async function proveReplica(
  { store: master }: PipelineContext,
  { store }: Mirror,
  { key, wanted, etag }: MirrorWork & { readonly kind: 'read' },
): Promise<WorkOutcome | undefined> {
  const [source, replica] = await Promise.all([master.stat(key), store.stat(key)]);
  if (source?.etag !== wanted.etag || replica?.etag !== etag) return { kind: 'look' };
  const { versionId } = source;
  // Objects that were stored while versioning was off have the id `null` on both sides, with any bytes.
  if (versionId === undefined || versionId === 'null' || replica.versionId !== versionId) {
    return undefined;
  }
  if (replica.size !== wanted.size) return undefined;
  const { size, sha256 } = wanted;
  const proven = { etag, size, sha256, source: source.etag, proof: 'replica' as const };
  return { kind: 'proven', proven, bytes: 0 };
}
