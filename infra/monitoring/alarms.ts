import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { METRICS_NAMESPACE } from '../../src/facts/deployment-names.ts';
import type { MetricName } from '../../src/facts/metric-names.ts';
import type { Deployment, MirrorPlan } from '../deployment.ts';
import type { WorkerFunction } from '../workers/worker-function.ts';

/** An alarm, and the section of docs/operations.md that states what to do about it. */
export interface AlarmPlan {
  /** The heading of the section. It is also a part of the alarm's name. */
  readonly name: string;
  readonly meaning: string;
  readonly metric: cloudwatch.IMetric;
  readonly threshold: number;
  /** The number of consecutive periods of the metric. */
  readonly periods: number;
  readonly comparison?: cloudwatch.ComparisonOperator;
  /** True when missing data is bad too. */
  readonly silenceIsBad?: boolean;
}

/** A metric that our functions emit. */
export function ownMetric(
  deployment: Deployment,
  name: MetricName,
  options: {
    readonly statistic: 'Sum' | 'Maximum';
    readonly period: Duration;
    readonly mirror?: string;
  },
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: METRICS_NAMESPACE,
    metricName: name,
    dimensionsMap: {
      Deployment: deployment.deployment,
      ...(options.mirror === undefined ? {} : { Mirror: options.mirror }),
    },
    statistic: options.statistic,
    period: options.period,
  });
}

const FIVE_MINUTES = Duration.minutes(5);

export function deadLetters(name: string, queue: sqs.Queue): AlarmPlan {
  return {
    name,
    meaning: 'Messages could not be worked on and were put aside.',
    metric: queue.metricApproximateNumberOfMessagesVisible({
      period: FIVE_MINUTES,
      statistic: 'Maximum',
    }),
    threshold: 1,
    periods: 1,
  };
}

export function failures(name: string, worker: WorkerFunction): AlarmPlan {
  return {
    name,
    meaning: 'A function ends with errors, again and again.',
    metric: worker.function.metricErrors({ period: FIVE_MINUTES, statistic: 'Sum' }),
    threshold: 1,
    periods: 3,
  };
}

export function masterAlarms(deployment: Deployment, index: sqs.Queue): AlarmPlan[] {
  const own = (name: MetricName, statistic: 'Sum' | 'Maximum', period: Duration) =>
    ownMetric(deployment, name, { statistic, period });
  return [
    {
      name: 'index-backlog',
      meaning: 'Uploads wait for longer than an hour to be looked at.',
      metric: index.metricApproximateAgeOfOldestMessage({
        period: FIVE_MINUTES,
        statistic: 'Maximum',
      }),
      threshold: 3600,
      periods: 3,
    },
    {
      name: 'versions-rejected',
      meaning: 'Something that was uploaded can never be published as it is.',
      metric: own('VersionsRejected', 'Maximum', Duration.minutes(15)),
      threshold: 1,
      periods: 1,
    },
    {
      name: 'catalog-problem',
      meaning: 'The catalog is missing, unreadable or too new: nothing is published any more.',
      metric: own('CatalogProblems', 'Sum', FIVE_MINUTES),
      threshold: 1,
      periods: 1,
    },
    {
      name: 'removals-held',
      meaning: 'Many published versions are gone at once; their removal waits for a decision.',
      metric: own('RemovalsHeld', 'Maximum', Duration.minutes(15)),
      threshold: 1,
      periods: 1,
    },
    {
      name: 'sweep-silent',
      meaning:
        'No sweep was completed for an hour: lost events stay lost, removals stay unfinished.',
      metric: own('SweepsCompleted', 'Sum', Duration.hours(1)),
      threshold: 1,
      periods: 1,
      comparison: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      silenceIsBad: true,
    },
  ];
}

export function mirrorAlarms(deployment: Deployment, mirror: MirrorPlan): AlarmPlan[] {
  return [
    {
      name: 'mirror-lag',
      meaning: `The mirror ${mirror.name} has been behind the master for over an hour, or tells nothing.`,
      metric: ownMetric(deployment, 'MirrorLagSeconds', {
        statistic: 'Maximum',
        period: Duration.minutes(15),
        mirror: mirror.name,
      }),
      threshold: 3600,
      periods: 2,
      silenceIsBad: true,
    },
    {
      name: 'mirror-failures',
      meaning: `The mirror ${mirror.name} cannot be kept: something about it fails, again and again.`,
      metric: ownMetric(deployment, 'MirrorFailures', {
        statistic: 'Sum',
        period: FIVE_MINUTES,
        mirror: mirror.name,
      }),
      threshold: 1,
      periods: 3,
    },
    ...(mirror.copy === 'replication' ? [replicationFailures(deployment, mirror)] : []),
  ];
}

function replicationFailures(deployment: Deployment, mirror: MirrorPlan): AlarmPlan {
  return {
    name: 'replication-failed',
    meaning: `S3 gave up replicating images to the mirror ${mirror.name}.`,
    metric: new cloudwatch.Metric({
      namespace: 'AWS/S3',
      metricName: 'OperationsFailedReplication',
      dimensionsMap: {
        SourceBucket: deployment.bucket,
        DestinationBucket: mirror.bucket,
        RuleId: mirror.name,
      },
      statistic: 'Sum',
      period: FIVE_MINUTES,
    }),
    threshold: 1,
    periods: 1,
  };
}
