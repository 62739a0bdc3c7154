import { Aws } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { NagSuppressions } from 'cdk-nag';
import type { Construct } from 'constructs';
import { gatewayRoleName } from '../../src/facts/deployment-names.ts';
import type { Deployment } from '../deployment.ts';
import { mayDelete, mayList, mayRead, mayUpload, thisAccount } from './permissions.ts';

/**
 * The role of a gateway, wherever its container runs: an ECS task has it as its own role, others assume it.
 * It deletes the remains of interrupted uploads, so it may delete. In a versioned bucket a deletion hides an
 * object and destroys nothing. It cannot change what the functions write.
 */
export function gatewayRole(scope: Construct, deployment: Deployment): iam.Role {
  const { bucket } = deployment;
  const role = new iam.Role(scope, 'Gateway', {
    roleName: gatewayRoleName(deployment),
    description: 'Takes images in from lxc and incus for bucketstreams',
    assumedBy: new iam.CompositePrincipal(
      thisAccount(),
      new iam.ServicePrincipal('ecs-tasks.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    ),
    inlinePolicies: {
      gateway: new iam.PolicyDocument({
        statements: [
          mayList(bucket),
          mayUpload(bucket, 'images/*', 'uploads/*'),
          // An image in staging is copied to its product and version.
          mayRead(bucket, 'images/*', 'uploads/*', 'catalog/catalog.json'),
          mayDelete(bucket, 'images/*', 'uploads/*'),
        ],
      }),
    },
  });
  NagSuppressions.addResourceSuppressions(role, [
    {
      id: 'AwsSolutions-IAM5',
      reason: 'Patterns of keys only: uploads and their clients choose the names.',
    },
  ]);
  return role;
}
