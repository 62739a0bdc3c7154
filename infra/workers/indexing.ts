import { Duration } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import { Construct } from 'constructs';
import { DOCUMENT_PATTERNS } from '../../src/facts/delivery-policy.ts';
import { sweepRuleName } from '../../src/facts/deployment-names.ts';
import type { Deployment } from '../deployment.ts';
import { mayDelete, mayList, mayRead, maySend, mayWrite } from '../access/permissions.ts';
import type { WorkQueue } from './queues.ts';
import { mayWorkOn, WorkerFunction } from './worker-function.ts';

const PUBLIC_AND_CATALOG = ['catalog/*', ...DOCUMENT_PATTERNS];

/** The function that turns uploads into public files, and the one that finds uploads whose event was lost. */
export class Indexing extends Construct {
  readonly index: WorkerFunction;
  readonly sweep: WorkerFunction;

  constructor(scope: Construct, deployment: Deployment, work: WorkQueue) {
    super(scope, 'Indexing');
    const { bucket } = deployment;
    const environment = {
      STORE_URL: `s3://${bucket}?region=${deployment.region}`,
      QUEUE_URL: work.queue.queueUrl,
      BUCKETSTREAMS_SETTINGS: JSON.stringify(deployment.settings),
    };
    this.index = new WorkerFunction(this, 'Index', deployment, {
      role: 'index-images',
      bundle: 'index-images',
      description: 'Publishes what is uploaded',
      memory: 1769,
      environment,
      permissions: [
        mayList(bucket),
        mayRead(bucket, 'images/*', ...PUBLIC_AND_CATALOG),
        mayWrite(bucket, ...PUBLIC_AND_CATALOG),
        mayWorkOn(work.queue),
      ],
      reach: 'It reads every image, and writes the catalog and the public files.',
    });
    this.index.workOn(work.queue, {
      batchSize: 100,
      window: Duration.seconds(2),
      concurrency: 3,
    });

    this.sweep = new WorkerFunction(this, 'Sweep', deployment, {
      role: 'sweep',
      bundle: 'sweep',
      description: 'Finds changes whose events were lost, and finishes removals',
      memory: 1024,
      environment,
      permissions: [
        mayList(bucket),
        mayRead(bucket, 'images/*', ...PUBLIC_AND_CATALOG),
        mayWrite(bucket, ...PUBLIC_AND_CATALOG),
        mayDelete(bucket, 'images/*', 'uploads/*'),
        maySend(work.queue),
      ],
      reach:
        'It lists every image and deletes those that were removed by their owner, and uploads that broke off.',
    });
    new events.Rule(this, 'SweepRule', {
      ruleName: sweepRuleName(deployment),
      schedule: events.Schedule.rate(Duration.minutes(15)),
      targets: [
        new targets.LambdaFunction(this.sweep.function, {
          retryAttempts: 0,
          maxEventAge: Duration.minutes(15),
        }),
      ],
    });
  }
}
