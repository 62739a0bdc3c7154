import type { ObjectInfo } from '../object-store.ts';

/** Values of the header `x-amz-replication-status`. The SDK lists `COMPLETE`; S3 and MinIO send `COMPLETED`. */
const STATUSES: Readonly<Record<string, NonNullable<ObjectInfo['replication']>>> = {
  PENDING: 'pending',
  FAILED: 'failed',
  COMPLETE: 'completed',
  COMPLETED: 'completed',
  REPLICA: 'replica',
};

/** Parses the header of an object's replication. Empty if there is no header or an unknown value. */
export function replicationFrom(header: string | undefined): Pick<ObjectInfo, 'replication'> {
  const replication = header === undefined ? undefined : STATUSES[header];
  return replication === undefined ? {} : { replication };
}
