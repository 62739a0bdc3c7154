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

/** The name of our rule among a bucket's notifications. */
const RULE = 'bucketstreams-images';

/** Creates the bucket when there is none. Resolves with whether it did. */
export async function ensureBucket(place: BucketAddress): Promise<boolean> {
  const { client } = connectS3(place);
  const { bucket, endpoint, region, url } = place;
  const context: S3Context = { operation: 'write', url, key: '(the bucket)' };
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }));
    return false;
  } catch (error) {
    if (statusOf(error) !== 404) throw s3Error(error, context);
  }
  try {
    const constraint = Object.values(BucketLocationConstraint).find((known) => known === region);
    // AWS alone wants to be told its own Region again, except the first.
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
 * Has the bucket tell `arn` of every image that is written or removed, beside what notifications it has
 * already. Resolves with whether anything had to be changed.
 */
export async function ensureNotifications(
  place: BucketAddress,
  arn: string,
  prefix: string,
): Promise<boolean> {
  const { client } = connectS3(place);
  const context: S3Context = { operation: 'write', url: place.url, key: '(notifications)' };
  const rule: QueueConfiguration = {
    Id: RULE,
    QueueArn: arn,
    Events: ['s3:ObjectCreated:*', 's3:ObjectRemoved:*'],
    Filter: { Key: { FilterRules: [{ Name: 'prefix', Value: prefix }] } },
  };
  try {
    const { $metadata: _, ...present } = await client.send(
      new GetBucketNotificationConfigurationCommand({ Bucket: place.bucket }),
    );
    const queues = present.QueueConfigurations ?? [];
    if (queues.some((one) => isSame(one, rule))) return false;
    await client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: place.bucket,
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
