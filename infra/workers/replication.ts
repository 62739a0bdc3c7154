import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { NagSuppressions } from 'cdk-nag';
import type { Construct } from 'constructs';
import { replicationRoleName } from '../../src/facts/deployment-names.ts';
import { bucketArn, objects } from '../access/bucket-policy.ts';
import { replicated, type Deployment } from '../deployment.ts';

const REPLICATED = 'images/';

/**
 * Makes S3 copy images, and only images, to the mirrors that are configured for it. S3 does not replicate
 * deletions: our function removes names before bytes, for each mirror in its own time.
 */
export function replicateImages(
  scope: Construct,
  deployment: Deployment,
  source: s3.CfnBucket,
): void {
  const mirrors = replicated(deployment);
  if (mirrors.length === 0) return;
  const role = new iam.Role(scope, 'Replication', {
    roleName: replicationRoleName(deployment),
    description: 'Replicates images to the mirrors of bucketstreams',
    assumedBy: new iam.ServicePrincipal('s3.amazonaws.com'),
    inlinePolicies: {
      replicate: new iam.PolicyDocument({
        statements: [
          new iam.PolicyStatement({
            actions: ['s3:GetReplicationConfiguration', 's3:ListBucket'],
            resources: [bucketArn(deployment.bucket)],
          }),
          new iam.PolicyStatement({
            actions: [
              's3:GetObjectVersionForReplication',
              's3:GetObjectVersionAcl',
              's3:GetObjectVersionTagging',
            ],
            resources: [objects(deployment.bucket, `${REPLICATED}*`)],
          }),
          new iam.PolicyStatement({
            actions: ['s3:ReplicateObject', 's3:ReplicateTags'],
            resources: mirrors.map(({ bucket }) => objects(bucket, `${REPLICATED}*`)),
          }),
        ],
      }),
    },
  });
  NagSuppressions.addResourceSuppressions(role, [
    { id: 'AwsSolutions-IAM5', reason: 'All images are replicated, and nothing else.' },
  ]);
  source.replicationConfiguration = {
    role: role.roleArn,
    rules: mirrors.map((mirror, index) => ({
      id: mirror.name,
      status: 'Enabled',
      // Among rules with one destination the greater number wins. Ours have one destination each, but each
      // rule needs its own number.
      priority: index + 1,
      filter: { prefix: REPLICATED },
      deleteMarkerReplication: { status: 'Disabled' },
      destination: {
        bucket: bucketArn(mirror.bucket),
        // Without metrics, S3 does not count failed replications.
        metrics: deployment.replicationTimeControl
          ? { status: 'Enabled', eventThreshold: { minutes: 15 } }
          : { status: 'Enabled' },
        ...(deployment.replicationTimeControl
          ? { replicationTime: { status: 'Enabled', time: { minutes: 15 } } }
          : {}),
      },
    })),
  };
  source.node.addDependency(role);
}
