import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { mirrorStackName } from '../src/facts/deployment-names.ts';
import { anyDistribution, edgeMayRead } from './access/bucket-policy.ts';
import type { Deployment, MirrorPlan } from './deployment.ts';
import { imageBucket } from './image-bucket.ts';

/**
 * The bucket of one mirror, in its own region. It does not refer to the master and is deployed before it, so
 * that replication rules and origins find the bucket.
 */
export class MirrorStack extends Stack {
  constructor(scope: Construct, deployment: Deployment, mirror: MirrorPlan, props: StackProps) {
    super(scope, mirrorStackName(deployment, mirror.name), {
      ...props,
      description: `bucketstreams: mirror ${mirror.name}`,
    });
    const bucket = imageBucket(this, { name: mirror.bucket, destroy: deployment.destroyImages });
    for (const statement of edgeMayRead(mirror.bucket, anyDistribution())) {
      bucket.addToResourcePolicy(statement);
    }
    new CfnOutput(this, 'Bucket', { value: mirror.bucket });
  }
}
