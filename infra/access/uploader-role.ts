import * as iam from 'aws-cdk-lib/aws-iam';
import { NagSuppressions } from 'cdk-nag';
import type { Construct } from 'constructs';
import { DOCUMENT_PATTERNS } from '../../src/facts/delivery-policy.ts';
import { uploaderRoleName } from '../../src/facts/deployment-names.ts';
import { bucketArn } from './bucket-policy.ts';
import type { Deployment } from '../deployment.ts';
import { mayList, mayRead, mayUpload, thisAccount } from './permissions.ts';

/**
 * The role for uploads of images. It can store images and read what state they have. It cannot delete, and it
 * cannot change what the functions write.
 */
export function uploaderRole(scope: Construct, deployment: Deployment): iam.Role {
  const { bucket } = deployment;
  const role = new iam.Role(scope, 'Uploader', {
    roleName: uploaderRoleName(deployment),
    description: 'Uploads images to bucketstreams',
    assumedBy: thisAccount(),
    inlinePolicies: {
      upload: new iam.PolicyDocument({
        statements: [
          mayUpload(bucket, 'images/*'),
          // S3 has no condition by prefix for this action.
          new iam.PolicyStatement({
            actions: ['s3:ListBucketMultipartUploads'],
            resources: [bucketArn(bucket)],
          }),
          mayRead(bucket, 'images/*', ...DOCUMENT_PATTERNS, 'catalog/catalog.json'),
          mayList(bucket),
        ],
      }),
    },
  });
  NagSuppressions.addResourceSuppressions(role, [
    {
      id: 'AwsSolutions-IAM5',
      reason: 'Patterns of keys only: an uploader chooses the names of products and versions.',
    },
  ]);
  return role;
}
