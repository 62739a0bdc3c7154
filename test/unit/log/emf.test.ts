import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { emfLine } from '../../../src/log/emf.ts';

const options = { namespace: 'bucketstreams', dimensions: { Deployment: 'live' }, now: 1234 };

describe('emfLine', () => {
  it('declares each value with its unit, and the dimensions', () => {
    const line = emfLine({ BytesHashed: 5, MirrorLagSeconds: 0 }, options);
    assert.ok(line !== undefined && line.endsWith('\n'));
    assert.deepEqual(JSON.parse(line), {
      _aws: {
        Timestamp: 1234,
        CloudWatchMetrics: [
          {
            Namespace: 'bucketstreams',
            Dimensions: [['Deployment']],
            Metrics: [
              { Name: 'BytesHashed', Unit: 'Bytes' },
              { Name: 'MirrorLagSeconds', Unit: 'Seconds' },
            ],
          },
        ],
      },
      Deployment: 'live',
      BytesHashed: 5,
      MirrorLagSeconds: 0,
    });
  });

  it('only logs a metric that is in no alarm and no graph', () => {
    assert.deepEqual(JSON.parse(emfLine({ Publications: 2 }, options) ?? ''), {
      Deployment: 'live',
      Publications: 2,
    });
    const both = JSON.parse(emfLine({ BytesHashed: 5, Publications: 2 }, options) ?? '') as {
      readonly _aws: { readonly CloudWatchMetrics: readonly { readonly Metrics: unknown }[] };
      readonly Publications: number;
    };
    const [directive] = both._aws.CloudWatchMetrics;
    assert.deepEqual(directive?.Metrics, [{ Name: 'BytesHashed', Unit: 'Bytes' }]);
    assert.equal(both.Publications, 2);
  });

  it('leaves out values that are not numbers, and writes nothing without values', () => {
    assert.equal(emfLine({}, options), undefined);
    assert.equal(emfLine({ BytesHashed: NaN }, options), undefined);
  });
});
