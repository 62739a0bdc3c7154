import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type * as sns from 'aws-cdk-lib/aws-sns';
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { DOCUMENT_PATTERNS } from '../../src/facts/delivery-policy.ts';
import { mirrorQueueName, tickRuleName } from '../../src/facts/deployment-names.ts';
import type { Deployment, MirrorPlan } from '../deployment.ts';
import {
  mayDelete,
  mayList,
  mayRead,
  mayReadVersions,
  mayUpload,
  mayWrite,
} from '../access/permissions.ts';
import { workQueue, type WorkQueue } from './queues.ts';
import { mayWorkOn, WorkerFunction } from './worker-function.ts';

/**
 * Keeps one mirror, with a queue, a function and a role of its own. So a mirror that is down does not delay
 * the others, and a mistake in one does not affect the others.
 */
export class FanOut extends Construct {
  readonly work: WorkQueue;
  readonly worker: WorkerFunction;
  readonly mirror: MirrorPlan;

  constructor(scope: Construct, deployment: Deployment, mirror: MirrorPlan, streams: sns.Topic) {
    super(scope, `FanOut-${mirror.name}`);
    this.mirror = mirror;
    this.work = workQueue(this, 'Queue', {
      name: mirrorQueueName(deployment, mirror.name),
      maxReceiveCount: 5,
      retention: Duration.days(4),
    });
    streams.addSubscription(
      new subscriptions.SqsSubscription(this.work.queue, { rawMessageDelivery: true }),
    );
    // The tick is sent through the queue, so that the queue's limit of concurrency applies to it too.
    new events.Rule(this, 'Tick', {
      ruleName: tickRuleName(deployment, mirror.name),
      schedule: events.Schedule.rate(Duration.minutes(1)),
      targets: [
        new targets.SqsQueue(this.work.queue, {
          message: events.RuleTargetInput.fromObject({ bucketstreams: { tick: mirror.name } }),
        }),
      ],
    });

    const from = deployment.bucket;
    const to = mirror.bucket;
    // The last error of the mirror, for `bucketstreams status`.
    const record = `catalog/mirrors/${mirror.name}.json`;
    this.worker = new WorkerFunction(this, 'Worker', deployment, {
      role: { fanOut: mirror.name },
      bundle: 'fan-out',
      description: `Keeps the mirror ${mirror.name}`,
      memory: 1769,
      environment: {
        STORE_URL: `s3://${from}?region=${deployment.region}`,
        MIRROR_NAME: mirror.name,
        MIRROR_SETTINGS: JSON.stringify(mirror.settings),
      },
      permissions: [
        mayList(from),
        mayRead(from, 'images/*', ...DOCUMENT_PATTERNS, 'catalog/catalog.json', record),
        mayWrite(from, record),
        mayReadVersions(from, 'images/*'),
        mayList(to),
        mayRead(to, 'images/*', ...DOCUMENT_PATTERNS, 'catalog/*'),
        mayReadVersions(to, 'images/*'),
        mayUpload(to, 'images/*'),
        mayDelete(to, 'images/*'),
        mayWrite(to, ...DOCUMENT_PATTERNS, 'catalog/*'),
        mayWorkOn(this.work.queue),
      ],
      reach: 'It reads every image of the master and keeps the mirror’s copies and public files.',
    });
    // An event source cannot have a lower limit than two. Messages about changes and ticks are handled
    // together.
    this.worker.workOn(this.work.queue, {
      batchSize: 100,
      window: Duration.seconds(1),
      concurrency: 2,
    });
  }
}
