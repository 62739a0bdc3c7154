import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { bucketArn, objects } from './bucket-policy.ts';

/**
 * Allows listing a bucket, and so finding out that a key is absent. Without it, S3 responds with 403 for
 * every absent key, and code that decides by absence must not rely on that.
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

/** Allows reading a certain version of an object, which a replica is compared with. */
export function mayReadVersions(bucket: string, ...patterns: string[]): iam.PolicyStatement {
  return onObjects(['s3:GetObjectVersion'], bucket, patterns);
}

export function mayWrite(bucket: string, ...patterns: string[]): iam.PolicyStatement {
  return onObjects(['s3:PutObject'], bucket, patterns);
}

/** Allows storing large objects in parts, and aborting unfinished uploads. */
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

/** The principal for anybody of this account whom an administrator allows to assume the role. */
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
