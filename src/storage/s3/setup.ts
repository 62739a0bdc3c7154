import {
  BucketLocationConstraint,
  CreateBucketCommand,
  GetBucketNotificationConfigurationCommand,
  HeadBucketCommand,
  PutBucketNotificationConfigurationCommand,
  type QueueConfiguration,
} from '@aws-sdk/client-s3';

import { connectS3, type S3ClientOptions } from './client.ts';
import { s3Error, statusOf, type S3Context } from './errors.ts';

export interface BucketAddress extends S3ClientOptions {
  readonly bucket: string;
  /** For messages. */
  readonly url: string;
}

/** The id of our rule in a bucket's notification configuration. */
const RULE = 'bucketstreams-images';

/** Creates the bucket if it does not exist. Resolves to true if it created one. */
export async function ensureBucket(address: BucketAddress): Promise<boolean> {
  const { client } = connectS3(address);
  const { bucket, endpoint, region, url } = address;
  const context: S3Context = { operation: 'write', url, key: '(the bucket)' };
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }));
    return false;
  } catch (error) {
    if (statusOf(error) !== 404) throw s3Error(error, context);
  }
  try {
    const constraint = Object.values(BucketLocationConstraint).find((known) => known === region);
    // Only AWS requires the Region in the body too, except for us-east-1.
    const elsewhere = endpoint === undefined && constraint !== undefined;
    await client.send(
      new CreateBucketCommand({
        Bucket: bucket,
        ...(elsewhere && { CreateBucketConfiguration: { LocationConstraint: constraint } }),
      }),
    );
    return true;
  } catch (error) {
    const rival = error instanceof Error && error.name === 'BucketAlreadyOwnedByYou';
    if (rival) return false;
    throw s3Error(error, context);
  } finally {
    client.destroy();
  }
}

/**
 * Configures the bucket to notify `arn` of every object below `prefix` that is written or deleted. Keeps the
 * bucket's other notifications. Resolves to true if it changed the configuration.
 */
export async function ensureNotifications(
  address: BucketAddress,
  arn: string,
  prefix: string,
): Promise<boolean> {
  const { client } = connectS3(address);
  const context: S3Context = { operation: 'write', url: address.url, key: '(notifications)' };
  const rule: QueueConfiguration = {
    Id: RULE,
    QueueArn: arn,
    Events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'],
    Filter: { Key: { FilterRules: [{ Name: 'prefix', Value: prefix }] } },
  };
  try {
    const { $metadata: _, ...present } = await client.send(
      new GetBucketNotificationConfigurationCommand({ Bucket: address.bucket }),
    );
    const queues = present.QueueConfigurations ?? [];
    if (queues.some((one) => isSame(one, rule))) return false;
    await client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: address.bucket,
        NotificationConfiguration: {
          ...present,
          QueueConfigurations: [...queues.filter(({ Id }) => Id !== RULE), rule],
        },
      }),
    );
    return true;
  } catch (error) {
    throw s3Error(error, context);
  } finally {
    client.destroy();
  }
}

function isSame(one: QueueConfiguration, other: QueueConfiguration): boolean {
  const text = ({ QueueArn, Events, Filter }: QueueConfiguration) => {
    const rules = Filter?.Key?.FilterRules?.map(
      ({ Name, Value }) => `${(Name ?? '').toLowerCase()}=${Value ?? ''}`,
    );
    return JSON.stringify([QueueArn, [...(Events ?? [])].sort(), rules]);
  };
  return text(one) === text(other);
}
