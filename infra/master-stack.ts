import { Stack, type StackProps } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { masterStackName } from '../src/facts/deployment-names.ts';
import { edgeMayRead, writeOnce } from './access/bucket-policy.ts';
import { Delivery } from './edge/distribution.ts';
import type { Deployment } from './deployment.ts';
import { FanOut } from './workers/fan-out.ts';
import { gatewayRole } from './access/gateway-role.ts';
import { imageBucket } from './image-bucket.ts';
import { ImageEvents } from './workers/image-events.ts';
import { Indexing } from './workers/indexing.ts';
import { Observability } from './monitoring/observability.ts';
import { printOutputs } from './outputs.ts';
import { replicateImages } from './workers/replication.ts';
import { uploaderRole } from './access/uploader-role.ts';

/** The master: the bucket, its events, the functions, the CDN in front of it, and the monitoring. */
export class MasterStack extends Stack {
  constructor(scope: Construct, deployment: Deployment, props: StackProps) {
    super(scope, masterStackName(deployment), {
      ...props,
      description: 'bucketstreams: an image server for LXD and Incus without a server',
    });
    const bucket = imageBucket(this, {
      name: deployment.bucket,
      destroy: deployment.destroyImages,
    });
    const resource = bucket.node.defaultChild;
    if (!(resource instanceof s3.CfnBucket)) throw new TypeError('The bucket has no resource.');

    const events = new ImageEvents(this, deployment);
    events.connect(bucket, resource);
    replicateImages(this, deployment, resource);
    const indexing = new Indexing(this, deployment, events.index);
    const fanOuts = deployment.mirrors.map(
      (mirror) => new FanOut(this, deployment, mirror, events.streams),
    );

    const delivery = new Delivery(this, deployment);
    for (const statement of edgeMayRead(deployment.bucket, delivery.arn)) {
      bucket.addToResourcePolicy(statement);
    }
    if (deployment.writeOnce) bucket.addToResourcePolicy(writeOnce(deployment.bucket));

    const uploader = uploaderRole(this, deployment);
    const gateway = gatewayRole(this, deployment);
    const observability = new Observability(this, deployment, {
      events,
      indexing,
      fanOuts,
      delivery,
    });
    printOutputs(this, deployment, { delivery, uploader, gateway, alarms: observability.alarms });
  }
}
