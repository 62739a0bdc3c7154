import { Match } from 'aws-cdk-lib/assertions';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LOGGED_METRICS, METRICS } from '../../../src/facts/metric-names.ts';
import { resources, synthesise } from '../../support/aws/deployment.ts';

const { master } = synthesise();
const alarms = Object.values(resources(master, 'AWS::CloudWatch::Alarm')).map(
  ({ Properties }) => Properties,
);
const runbook = readFileSync(join(import.meta.dirname, '../../../docs/operations.md'), 'utf8');

describe('the alarms', () => {
  it('each have a section in the runbook: what it means, what to look at, how to mend it', () => {
    assert.ok(alarms.length > 0);
    for (const alarm of alarms) {
      const description = String(alarm['AlarmDescription']);
      const [, anchor = ''] = /docs\/operations\.md#([a-z-]+)$/.exec(description) ?? [];
      const section = runbook.split(/^### /m).find((text) => text.startsWith(`${anchor}\n`));
      assert.ok(section !== undefined, `docs/operations.md has no section ${anchor}`);
      for (const part of ['**It means**', '**Look**', '**Mend**']) {
        assert.ok(section.includes(part), `${anchor}: no ${part}`);
      }
    }
  });

  it('notify a topic when they start and when they end', () => {
    for (const alarm of alarms) {
      for (const list of ['AlarmActions', 'OKActions']) {
        assert.deepEqual(alarm[list], [{ Ref: resourceId('AWS::SNS::Topic', 'live-alarms') }]);
      }
    }
  });

  it('watch the dead letters of every queue', () => {
    for (const name of ['index', 'mirror-west', 'mirror-south']) {
      master.hasResourceProperties('AWS::CloudWatch::Alarm', {
        MetricName: 'ApproximateNumberOfMessagesVisible',
        Threshold: 1,
        TreatMissingData: 'notBreaching',
        Dimensions: [
          {
            Name: 'QueueName',
            Value: {
              'Fn::GetAtt': [resourceId('AWS::SQS::Queue', `live-${name}-dead`), 'QueueName'],
            },
          },
        ],
      });
    }
  });

  it('treat silence of the sweep and of a mirror as an alarm', () => {
    for (const metric of ['SweepsCompleted', 'MirrorLagSeconds']) {
      master.hasResourceProperties('AWS::CloudWatch::Alarm', {
        MetricName: metric,
        TreatMissingData: 'breaching',
      });
    }
  });

  it('watch the replication of S3 where it copies', () => {
    master.hasResourceProperties('AWS::CloudWatch::Alarm', {
      Namespace: 'AWS/S3',
      MetricName: 'OperationsFailedReplication',
      Dimensions: Match.arrayWith([{ Name: 'DestinationBucket', Value: 'images-south' }]),
    });
  });

  it('name only existing metrics', () => {
    for (const alarm of alarms.filter(({ Namespace }) => Namespace === 'bucketstreams')) {
      assert.ok(String(alarm['MetricName']) in METRICS);
    }
  });
});

describe('metrics that are only logged', () => {
  it('are in no alarm and no graph', () => {
    const shown = ['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::Dashboard'];
    const text = JSON.stringify(shown.map((type) => resources(master, type)));
    for (const name of LOGGED_METRICS) {
      // Quotes are escaped in the body of a dashboard.
      assert.doesNotMatch(text, new RegExp(`\\W${name}\\W`));
    }
  });
});

describe('the dashboard', () => {
  it('shows every metric that the functions emit and operators need', () => {
    const [dashboard] = Object.values(resources(master, 'AWS::CloudWatch::Dashboard'));
    const body = JSON.stringify(dashboard!.Properties);
    for (const metric of [
      'VersionsPublished',
      'VersionsIncomplete',
      'VersionsRejected',
      'BytesHashed',
      'CommitRetries',
      'MirrorLagGenerations',
      'MirrorLagSeconds',
    ]) {
      assert.ok(body.includes(metric), metric);
    }
  });
});

function resourceId(type: string, name: string): string {
  const entry = Object.entries(resources(master, type)).find(([, { Properties }]) =>
    [Properties['TopicName'], Properties['QueueName']].includes(name),
  );
  assert.ok(entry !== undefined, `${type} ${name}`);
  return entry[0];
}
