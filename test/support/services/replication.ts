import { PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { run } from '../command.ts';
import { temporaryFolder } from '../temporary.ts';
import { goBinary } from './binary.ts';
import { rawClient } from './bucket.ts';
import type { S3Service } from './minio.ts';

export interface Replication {
  stop(): Promise<void>;
}

/** Turns on versioning, so that S3 keeps every version of a bucket's objects. */
export async function keepVersions(service: S3Service, bucket: string): Promise<void> {
  const client = rawClient(service);
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
  client.destroy();
}

/**
 * Makes one MinIO replicate new objects below a prefix to the bucket with the same name on another.
 * Deletions are not replicated.
 */
export async function replicate(
  from: S3Service,
  to: S3Service,
  bucket: string,
  prefix: string,
): Promise<Replication> {
  const mc = await goBinary('mc');
  const folder = await temporaryFolder();
  const env = { MC_HOST_from: withKeys(from) };
  const call = (...args: string[]) => run(mc, ['--config-dir', folder.path, ...args], { env });
  await call(
    ...['replicate', 'add', `from/${bucket}/${prefix}`, '--priority', '1'],
    ...['--remote-bucket', `${withKeys(to)}/${bucket}`, '--replicate', 'metadata-sync'],
  );
  return {
    async stop() {
      await call('replicate', 'rm', '--all', '--force', `from/${bucket}`);
      await folder[Symbol.asyncDispose]();
    },
  };
}

function withKeys({ endpoint, accessKey, secretKey }: S3Service): string {
  return endpoint.replace('://', `://${accessKey}:${secretKey}@`);
}
