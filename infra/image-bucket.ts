import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { NagSuppressions } from 'cdk-nag';
import type { Construct } from 'constructs';
import { DOCUMENT_PATTERNS } from '../src/facts/delivery-policy.ts';

/** Prefixes of documents that are written again and again. Their old versions can be restored. */
const DOCUMENT_PREFIXES = ['catalog/*', ...DOCUMENT_PATTERNS].map((pattern) =>
  pattern.replace(/\*$/, ''),
);

/**
 * A bucket of the master or of a mirror: private, versioned, over TLS only. It stays when the stack is
 * deleted, unless `destroy` is set.
 */
export function imageBucket(
  scope: Construct,
  props: { readonly name: string; readonly destroy: boolean },
): s3.Bucket {
  const bucket = new s3.Bucket(scope, 'Images', {
    bucketName: props.name,
    versioned: true,
    encryption: s3.BucketEncryption.S3_MANAGED,
    blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    removalPolicy: props.destroy ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    lifecycleRules: [
      { id: 'abandoned-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
      {
        id: 'deleted-images',
        prefix: 'images/',
        noncurrentVersionExpiration: Duration.days(7),
        expiredObjectDeleteMarker: true,
      },
      ...DOCUMENT_PREFIXES.map((prefix) => ({
        id: `old-${prefix.replace(/\/$/, '')}`,
        prefix,
        noncurrentVersionExpiration: Duration.days(7),
        noncurrentVersionsToRetain: 50,
      })),
    ],
  });
  NagSuppressions.addResourceSuppressions(bucket, [
    {
      id: 'AwsSolutions-S1',
      reason:
        'Server access logs would cost more than the service. Uploads are told apart by the functions’ ' +
        'logs (key, ETag, request id) and by CloudTrail data events where an operator turns them on.',
    },
  ]);
  return bucket;
}
