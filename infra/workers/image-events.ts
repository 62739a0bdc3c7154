import { Aws, Duration } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { IMAGES_KEY } from '../../src/facts/delivery-policy.ts';
import { indexQueueName, streamsTopicName } from '../../src/facts/deployment-names.ts';
import { bucketArn } from '../access/bucket-policy.ts';
import type { Deployment } from '../deployment.ts';
import { workQueue, type WorkQueue } from './queues.ts';

/** Deletions by a lifecycle rule are events of their own. */
const IMAGE_EVENTS = ['s3:ObjectCreated:*', 's3:ObjectRemoved:*', 's3:LifecycleExpiration:*'];

/**
 * The targets of the master bucket's events: the index queue for uploads, the mirrors' topic for a new
 * `images.json`. S3 checks the targets' policies when it creates the bucket, so the bucket is created after
 * them. Therefore the policies name the bucket by its literal ARN and the account.
 */
export class ImageEvents extends Construct {
  readonly index: WorkQueue;
  readonly streams: sns.Topic;
  readonly #deployment: Deployment;

  constructor(scope: Construct, deployment: Deployment) {
    super(scope, 'Events');
    this.#deployment = deployment;
    this.index = workQueue(this, 'Index', {
      name: indexQueueName(deployment),
      // A message that has to wait is handed back for 5 s to 5 min, longer each time: 20 receives take over
      // an hour.
      maxReceiveCount: 20,
      retention: Duration.days(14),
    });
    this.index.queue.addToResourcePolicy(
      this.#s3May(
        'sqs:SendMessage',
        `arn:${Aws.PARTITION}:sqs:${Aws.REGION}:${Aws.ACCOUNT_ID}:${indexQueueName(deployment)}`,
      ),
    );
    this.streams = new sns.Topic(this, 'Streams', {
      topicName: streamsTopicName(deployment),
      enforceSSL: true,
    });
    this.streams.addToResourcePolicy(
      this.#s3May(
        'sns:Publish',
        `arn:${Aws.PARTITION}:sns:${Aws.REGION}:${Aws.ACCOUNT_ID}:${streamsTopicName(deployment)}`,
      ),
    );
  }

  #s3May(action: string, resource: string): iam.PolicyStatement {
    return new iam.PolicyStatement({
      sid: 'BucketSendsEvents',
      principals: [new iam.ServicePrincipal('s3.amazonaws.com')],
      actions: [action],
      resources: [resource],
      conditions: {
        ArnEquals: { 'aws:SourceArn': bucketArn(this.#deployment.bucket) },
        StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
      },
    });
  }

  /**
   * Makes the bucket send its events here, by its own property. This needs no custom resource and no
   * function.
   */
  connect(bucket: s3.Bucket, resource: s3.CfnBucket): void {
    const filter = (prefix: string) => ({
      s3Key: { rules: [{ name: 'prefix', value: prefix }] },
    });
    resource.notificationConfiguration = {
      queueConfigurations: IMAGE_EVENTS.map((event) => ({
        event,
        queue: this.index.queue.queueArn,
        filter: filter('images/'),
      })),
      topicConfigurations: [
        { event: 's3:ObjectCreated:*', topic: this.streams.topicArn, filter: filter(IMAGES_KEY) },
      ],
    };
    bucket.node.addDependency(this.index.queue, this.streams);
  }
}
