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

  it('leaves out what is no number, and says nothing when nothing is left', () => {
    assert.equal(emfLine({}, options), undefined);
    assert.equal(emfLine({ BytesHashed: NaN }, options), undefined);
  });
});
