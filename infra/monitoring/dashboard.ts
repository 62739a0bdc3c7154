import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { masterStackName } from '../../src/facts/deployment-names.ts';
import type { MetricName } from '../../src/facts/metric-names.ts';
import { ownMetric } from './alarms.ts';
import type { Deployment } from '../deployment.ts';
import type { Watched } from './watched.ts';

const PERIOD = Duration.minutes(5);

/** One page: uploads, public versions, waiting messages, the mirrors' lag, and responses of the edge. */
export function dashboard(
  scope: Construct,
  deployment: Deployment,
  { events, indexing, fanOuts, delivery }: Watched,
): void {
  const own = (name: MetricName, statistic: 'Sum' | 'Maximum', mirror?: string) =>
    ownMetric(deployment, name, { statistic, period: PERIOD, mirror });
  const graph = (title: string, ...left: cloudwatch.IMetric[]) =>
    new cloudwatch.GraphWidget({ title, left, width: 8, height: 6 });
  const { queue, dead } = events.index;
  // CloudFront reports its metrics in us-east-1 alone.
  const edge = (metricName: string, statistic: string) =>
    new cloudwatch.Metric({
      namespace: 'AWS/CloudFront',
      metricName,
      dimensionsMap: { DistributionId: delivery.distribution.ref, Region: 'Global' },
      statistic,
      period: PERIOD,
      region: 'us-east-1',
    });

  new cloudwatch.Dashboard(scope, 'Dashboard', {
    dashboardName: masterStackName(deployment),
    widgets: [
      [
        graph(
          'Versions',
          own('VersionsPublished', 'Maximum'),
          own('VersionsIncomplete', 'Maximum'),
          own('VersionsRejected', 'Maximum'),
        ),
        graph('Work', own('BytesHashed', 'Sum'), own('CommitRetries', 'Sum')),
        graph(
          'Drift',
          own('VersionsDrifted', 'Sum'),
          own('RemovalsHeld', 'Maximum'),
          own('CatalogProblems', 'Sum'),
        ),
      ],
      [
        graph(
          'Index queue',
          queue.metricApproximateNumberOfMessagesVisible(),
          queue.metricApproximateAgeOfOldestMessage(),
        ),
        graph(
          'Dead letters',
          dead.metricApproximateNumberOfMessagesVisible(),
          ...fanOuts.map(({ work }) => work.dead.metricApproximateNumberOfMessagesVisible()),
        ),
        graph(
          'Index function',
          indexing.index.function.metricInvocations(),
          indexing.index.function.metricErrors(),
          indexing.index.function.metricThrottles(),
        ),
      ],
      ...(fanOuts.length === 0
        ? []
        : [
            [
              graph(
                'Mirrors: generations behind',
                ...fanOuts.map(({ mirror }) => own('MirrorLagGenerations', 'Maximum', mirror.name)),
              ),
              graph(
                'Mirrors: seconds behind',
                ...fanOuts.map(({ mirror }) => own('MirrorLagSeconds', 'Maximum', mirror.name)),
              ),
              graph(
                'Mirrors: bytes copied',
                ...fanOuts.map(({ mirror }) => own('BytesCopied', 'Sum', mirror.name)),
              ),
            ],
          ]),
      [
        graph('Edge: requests', edge('Requests', 'Sum')),
        graph('Edge: bytes', edge('BytesDownloaded', 'Sum')),
        graph('Edge: errors (%)', edge('4xxErrorRate', 'Average'), edge('5xxErrorRate', 'Average')),
      ],
    ],
  });
}
