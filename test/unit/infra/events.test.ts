import { Match } from 'aws-cdk-lib/assertions';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resources, synthesise } from '../../support/aws/deployment.ts';

const { master } = synthesise();
const MASTER_ARN = { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::images-master']] };

describe('events of the master bucket', () => {
  const [bucket] = Object.values(resources(master, 'AWS::S3::Bucket'));
  const notifications = bucket!.Properties['NotificationConfiguration'] as {
    readonly QueueConfigurations: readonly Notification[];
    readonly TopicConfigurations: readonly Notification[];
  };
  interface Notification {
    readonly Event: string;
    readonly Filter: { readonly S3Key: { readonly Rules: readonly unknown[] } };
  }

  it('are sent to the queue for images, for every kind of change', () => {
    assert.deepEqual(
      notifications.QueueConfigurations.map(({ Event }) => Event),
      ['s3:ObjectCreated:*', 's3:ObjectRemoved:*', 's3:LifecycleExpiration:*'],
    );
    for (const { Filter } of notifications.QueueConfigurations) {
      assert.deepEqual(Filter.S3Key.Rules, [{ Name: 'prefix', Value: 'images/' }]);
    }
  });

  it('are sent to the topic of the mirrors for images.json, and never to their own writer', () => {
    assert.deepEqual(
      notifications.TopicConfigurations.map(({ Event, Filter }) => [Event, Filter.S3Key.Rules]),
      [['s3:ObjectCreated:*', [{ Name: 'prefix', Value: 'streams/v1/images.json' }]]],
    );
    assert.ok(!('LambdaConfigurations' in notifications));
  });

  it('do not overlap, because S3 rejects two destinations of one event for one key', () => {
    const filters = [...notifications.QueueConfigurations, ...notifications.TopicConfigurations];
    const seen = filters.map(({ Event, Filter }) => `${Event} ${JSON.stringify(Filter)}`);
    assert.equal(new Set(seen).size, seen.length);
    const prefixes = ['images/', 'streams/v1/images.json'];
    assert.ok(!prefixes.some((a) => prefixes.some((b) => a !== b && a.startsWith(b))));
  });

  it('have their policies before the bucket is made', () => {
    const policies = [
      ...Object.keys(resources(master, 'AWS::SQS::QueuePolicy')),
      ...Object.keys(resources(master, 'AWS::SNS::TopicPolicy')),
    ].filter((id) => id.startsWith('Events'));
    assert.ok(policies.length >= 2);
    for (const policy of policies.filter((id) => !id.includes('Dead'))) {
      assert.ok(bucket!.DependsOn?.includes(policy), policy);
    }
  });

  for (const [type, action] of [
    ['AWS::SQS::QueuePolicy', 'sqs:SendMessage'],
    ['AWS::SNS::TopicPolicy', 'sns:Publish'],
  ] as const) {
    it(`are accepted from this bucket of this account only (${type})`, () => {
      master.hasResourceProperties(type, {
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Effect: 'Allow',
              Principal: { Service: 's3.amazonaws.com' },
              Action: action,
              Condition: {
                ArnEquals: { 'aws:SourceArn': MASTER_ARN },
                StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } },
              },
            }),
          ]),
        },
      });
    });
  }
});

describe('the queues', () => {
  const queues = Object.values(resources(master, 'AWS::SQS::Queue'));
  const named = (name: string) =>
    queues.find(({ Properties }) => Properties['QueueName'] === name)!.Properties;

  it('are one for the index and one per mirror, each with its dead letters', () => {
    assert.deepEqual(queues.map(({ Properties }) => Properties['QueueName']).toSorted(), [
      'live-index',
      'live-index-dead',
      'live-mirror-south',
      'live-mirror-south-dead',
      'live-mirror-west',
      'live-mirror-west-dead',
    ]);
    for (const name of ['live-index', 'live-mirror-west', 'live-mirror-south']) {
      const { maxReceiveCount } = named(name)['RedrivePolicy'] as {
        readonly maxReceiveCount: number;
      };
      assert.ok(maxReceiveCount >= 5);
    }
  });

  it('hide a message for six times the timeout of the function', () => {
    const timeouts = Object.values(resources(master, 'AWS::Lambda::Function')).map(
      ({ Properties }) => Number(Properties['Timeout']),
    );
    for (const name of ['live-index', 'live-mirror-west', 'live-mirror-south']) {
      assert.ok(Number(named(name)['VisibilityTimeout']) >= 6 * Math.max(...timeouts));
    }
  });

  it('are encrypted with SQS’s own key and deny requests without TLS', () => {
    for (const { Properties } of queues) {
      assert.equal(Properties['SqsManagedSseEnabled'], true);
      assert.ok(!('KmsMasterKeyId' in Properties));
    }
    const policies = Object.values(resources(master, 'AWS::SQS::QueuePolicy'));
    assert.equal(policies.length, queues.length);
    for (const policy of policies) {
      assert.ok(JSON.stringify(policy).includes('"aws:SecureTransport":"false"'));
    }
  });

  it('of the mirrors receive images.json and the schedule, in the master’s region', () => {
    master.resourceCountIs('AWS::SNS::Subscription', 2);
    for (const { Properties } of Object.values(resources(master, 'AWS::SNS::Subscription'))) {
      assert.equal(Properties['Protocol'], 'sqs');
      assert.equal(Properties['RawMessageDelivery'], true);
      assert.ok(!('Region' in Properties));
    }
    for (const mirror of ['west', 'south']) {
      master.hasResourceProperties('AWS::Events::Rule', {
        Name: `live-mirror-${mirror}`,
        ScheduleExpression: 'rate(1 minute)',
        Targets: [Match.objectLike({ Input: `{"bucketstreams":{"tick":"${mirror}"}}` })],
      });
    }
  });
});

describe('the event sources', () => {
  const sources = Object.values(resources(master, 'AWS::Lambda::EventSourceMapping')).map(
    ({ Properties }) => Properties,
  );

  it('take batches of 100 and two seconds, at most three at once, for the index', () => {
    master.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 100,
      MaximumBatchingWindowInSeconds: 2,
      ScalingConfig: { MaximumConcurrency: 3 },
      FunctionName: { Ref: Match.stringLikeRegexp('^IndexingIndex') },
    });
  });

  it('return the messages that a function names, and no others', () => {
    assert.equal(sources.length, 3);
    for (const source of sources) {
      assert.deepEqual(source['FunctionResponseTypes'], ['ReportBatchItemFailures']);
    }
  });

  it('have no reserved concurrency, which would throttle messages until they are dead letters', () => {
    for (const { Properties } of Object.values(resources(master, 'AWS::Lambda::Function'))) {
      assert.ok(!('ReservedConcurrentExecutions' in Properties));
    }
  });
});

describe('the functions', () => {
  it('are four, on Node 24 and arm64, with a log that is deleted in time', () => {
    const functions = Object.values(resources(master, 'AWS::Lambda::Function'));
    assert.deepEqual(functions.map(({ Properties }) => Properties['FunctionName']).toSorted(), [
      'live-fan-out-south',
      'live-fan-out-west',
      'live-index-images',
      'live-sweep',
    ]);
    for (const { Properties } of functions) {
      assert.equal(Properties['Runtime'], 'nodejs24.x');
      assert.deepEqual(Properties['Architectures'], ['arm64']);
      assert.equal(Properties['Handler'], 'index.handler');
      assert.ok(Number(Properties['Timeout']) <= 900);
    }
    const logs = Object.values(resources(master, 'AWS::Logs::LogGroup'));
    assert.equal(logs.length, 4);
    for (const { Properties } of logs) assert.equal(Properties['RetentionInDays'], 30);
  });

  it('have their store and queue in the environment', () => {
    master.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'live-index-images',
      Environment: {
        Variables: {
          STORE_URL: 's3://images-master?region=eu-central-1',
          QUEUE_URL: { Ref: Match.stringLikeRegexp('^EventsIndex') },
          BUCKETSTREAMS_SETTINGS: '{"clients":["lxd","incus"],"edgeSeconds":86400}',
          DEPLOYMENT: 'live',
          LOG_LEVEL: 'info',
        },
      },
    });
  });

  it('sweep every fifteen minutes', () => {
    master.hasResourceProperties('AWS::Events::Rule', {
      Name: 'live-sweep',
      ScheduleExpression: 'rate(15 minutes)',
    });
  });
});
