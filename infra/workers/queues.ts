import { Duration } from 'aws-cdk-lib';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { NagSuppressions } from 'cdk-nag';
import type { Construct } from 'constructs';
import { deadLetterName } from '../../src/facts/deployment-names.ts';

/** The longest time that Lambda lets a function run. A large root needs it. */
export const FUNCTION_TIMEOUT = Duration.minutes(15);
/**
 * At least six times the function's time-out, so that no message is received twice while a function handles
 * it.
 */
const VISIBILITY = Duration.minutes(6 * 15 + 5);

export interface WorkQueue {
  readonly queue: sqs.Queue;
  readonly dead: sqs.Queue;
}

/** Creates a queue for a function, with the dead-letter queue for what the function could not handle. */
export function workQueue(
  scope: Construct,
  id: string,
  props: { readonly name: string; readonly maxReceiveCount: number; readonly retention: Duration },
): WorkQueue {
  const dead = new sqs.Queue(scope, `${id}Dead`, {
    queueName: deadLetterName(props.name),
    retentionPeriod: Duration.days(14),
    encryption: sqs.QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
  });
  const queue = new sqs.Queue(scope, id, {
    queueName: props.name,
    retentionPeriod: props.retention,
    visibilityTimeout: VISIBILITY,
    encryption: sqs.QueueEncryption.SQS_MANAGED,
    enforceSSL: true,
    deadLetterQueue: { queue: dead, maxReceiveCount: props.maxReceiveCount },
  });
  NagSuppressions.addResourceSuppressions(dead, [
    { id: 'AwsSolutions-SQS3', reason: 'It is the dead-letter queue.' },
  ]);
  return { queue, dead };
}
