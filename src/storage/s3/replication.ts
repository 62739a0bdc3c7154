import type { ObjectInfo } from '../object-store.ts';

/** By the header `x-amz-replication-status`. The SDK knows `COMPLETE`, S3 and MinIO say `COMPLETED`. */
const STATUSES: Readonly<Record<string, NonNullable<ObjectInfo['replication']>>> = {
  PENDING: 'pending',
  FAILED: 'failed',
  COMPLETE: 'completed',
  COMPLETED: 'completed',
  REPLICA: 'replica',
};

/** What a header tells of an object's replication: nothing where there is none. */
export function replicationFrom(header: string | undefined): Pick<ObjectInfo, 'replication'> {
  const replication = header === undefined ? undefined : STATUSES[header];
  return replication === undefined ? {} : { replication };
}
