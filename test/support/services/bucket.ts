import {
  CreateBucketCommand,
  ListMultipartUploadsCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { openS3Store, type S3StoreOptions } from '../../../src/storage/s3/store.ts';
import type { ContractSubject } from '../../contract/object-store.ts';
import type { S3Service } from './minio.ts';

/** A client for the test's requests that the adapter does not need. */
export function rawClient({ endpoint, accessKey, secretKey }: S3Service): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
  });
}

export async function makeBucket(service: S3Service, bucket: string): Promise<void> {
  const client = rawClient(service);
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
}

/** Makes keys that match `patterns` public. The server then responds with 404 for absent keys. */
export async function letEverybodyRead(
  service: S3Service,
  bucket: string,
  patterns: readonly string[],
): Promise<void> {
  const arn = `arn:aws:s3:::${bucket}`;
  const allow = (Action: string, Resource: string | readonly string[]) => ({
    Effect: 'Allow',
    Principal: { AWS: ['*'] },
    Action,
    Resource,
  });
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      allow(
        's3:GetObject',
        patterns.map((pattern) => `${arn}/${pattern}`),
      ),
      allow('s3:ListBucket', arn),
    ],
  });
  const client = rawClient(service);
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  client.destroy();
}

export async function putObject(
  service: S3Service,
  bucket: string,
  key: string,
  body: string,
): Promise<void> {
  const client = rawClient(service);
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  client.destroy();
}

/** The options that open a bucket of a test's server. */
export function storeOptions(service: S3Service, bucket: string): S3StoreOptions {
  const { endpoint, accessKey, secretKey } = service;
  const credentials = { kind: 'keys', accessKeyId: accessKey, secretAccessKey: secretKey } as const;
  return { bucket, endpoint, credentials };
}

/** The number of multipart uploads in a bucket that were neither completed nor aborted. */
export async function unfinishedUploads(service: S3Service, bucket: string): Promise<number> {
  const client = rawClient(service);
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  client.destroy();
  return Uploads.length;
}

/** The contract's subject on a server. The server stops with it. */
export async function s3Subject(service: S3Service): Promise<ContractSubject> {
  const bucket = 'contract';
  await makeBucket(service, bucket);
  const store = openS3Store(storeOptions(service, bucket));
  const rival = openS3Store(storeOptions(service, bucket));
  return {
    store,
    rival,
    async denied(work) {
      const refused = openS3Store(
        storeOptions({ ...service, secretKey: 'not-the-password' }, bucket),
      );
      await work(refused);
      await refused.close();
    },
    unfinished: () => unfinishedUploads(service, bucket),
    async close() {
      await store.close();
      await rival.close();
      await service.stop();
    },
  };
}
