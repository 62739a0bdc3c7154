import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { bucketArn, objects } from './bucket-policy.ts';

/**
 * To look at a bucket: to list it, and to be told that a key is absent. Without it S3 answers 403 for every
 * absent key, and nothing that decides by absence may work on that.
 */
export function mayList(bucket: string): iam.PolicyStatement {
  return new iam.PolicyStatement({
    actions: ['s3:ListBucket'],
    resources: [bucketArn(bucket)],
  });
}

export function mayRead(bucket: string, ...patterns: string[]): iam.PolicyStatement {
  return onObjects(['s3:GetObject'], bucket, patterns);
}

/** Bytes of a certain version: what a replica is compared with. */
export function mayReadVersions(bucket: string, ...patterns: string[]): iam.PolicyStatement {
  return onObjects(['s3:GetObjectVersion'], bucket, patterns);
}

export function mayWrite(bucket: string, ...patterns: string[]): iam.PolicyStatement {
  return onObjects(['s3:PutObject'], bucket, patterns);
}

/** To store large objects in parts, and to take unfinished ones away. */
export function mayUpload(bucket: string, ...patterns: string[]): iam.PolicyStatement {
  return onObjects(
    ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'],
    bucket,
    patterns,
  );
}

export function mayDelete(bucket: string, ...patterns: string[]): iam.PolicyStatement {
  return onObjects(['s3:DeleteObject'], bucket, patterns);
}

export function maySend(queue: sqs.Queue): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions: ['sqs:SendMessage'], resources: [queue.queueArn] });
}

/** For anybody of this account whom an administrator lets assume the role. */
export function thisAccount(): iam.AccountPrincipal {
  return new iam.AccountPrincipal(Aws.ACCOUNT_ID);
}

function onObjects(
  actions: string[],
  bucket: string,
  patterns: readonly string[],
): iam.PolicyStatement {
  return new iam.PolicyStatement({
    actions,
    resources: patterns.map((pattern) => objects(bucket, pattern)),
  });
}
