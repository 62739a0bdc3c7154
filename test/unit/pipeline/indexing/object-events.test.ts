import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodeObjectEvents,
  type ObjectEvents,
} from '../../../../src/pipeline/indexing/object-events.ts';
import { minioWebhook, s3Record } from '../../../support/aws/s3-events.ts';

const KEY = 'images/iats/xenial/amd64/default/20180716_12:00/lxd.tar.xz';

function events(body: unknown, scope = {}): Extract<ObjectEvents, { kind: 'events' }> {
  const result = decodeObjectEvents(body, scope);
  assert.ok(result.kind === 'events', JSON.stringify(result));
  return result;
}

const one = (key: string, more: Parameters<typeof s3Record>[1] = {}) => ({
  Records: [s3Record(key, more)],
});

describe('events of Amazon S3', () => {
  it('give the key, decoded once, and whether the object was deleted', () => {
    for (const [eventName, removed] of [
      ['ObjectCreated:Put', false],
      ['ObjectCreated:CompleteMultipartUpload', false],
      ['ObjectCreated:Copy', false],
      ['ObjectRestore:Completed', false],
      ['ObjectRemoved:Delete', true],
      ['ObjectRemoved:DeleteMarkerCreated', true],
      ['LifecycleExpiration:Delete', true],
    ] as const) {
      const expected = { kind: 'events', keys: [{ key: KEY, removed }], foreign: 0, malformed: [] };
      assert.deepEqual(decodeObjectEvents(one(KEY, { eventName })), expected);
      assert.deepEqual(decodeObjectEvents(JSON.stringify(one(KEY, { eventName }))), expected);
    }
  });

  it('decode every key as S3 encodes it', () => {
    const key = fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(key, (tail) => {
        const [event] = events(one(`images/${tail}`)).keys;
        assert.equal(event?.key, `images/${tail}`);
      }),
    );
  });

  it('decode a plus, a percent sign and a double encoding once', () => {
    for (const [encoded, key] of [
      ['images/a+b', 'images/a b'],
      ['images/a%2Bb', 'images/a+b'],
      ['images/a%252Bb', 'images/a%2Bb'],
      ['images/%3A:', 'images/::'],
      ['images/%00', 'images/\0'],
      ['images%2Fx', 'images/x'],
      ['images/%F0%9F%92%BF', 'images/💿'],
    ] as const) {
      assert.deepEqual(events(one('', { encoded })).keys, [{ key, removed: false }]);
    }
  });

  it('report a key that is badly encoded and keep the other records', () => {
    for (const encoded of [
      'images/%zz',
      'images/%',
      'images/%C3%28',
      'images/%ff',
      'images/\uD800',
    ]) {
      const body = {
        Records: [s3Record('images/a'), s3Record('', { encoded }), s3Record('images/b')],
      };
      const result = events(body);
      assert.deepEqual(
        result.keys.map(({ key }) => key),
        ['images/a', 'images/b'],
      );
      assert.equal(result.malformed.length, 1);
      assert.match(result.malformed[0]!, /is not form-encoded UTF-8/);
    }
  });

  it('report incomplete records and keep the others', () => {
    const whole = s3Record('images/a');
    const bad: unknown[] = [
      null,
      'text',
      [],
      {},
      { ...whole, eventSource: 1 },
      { ...whole, eventVersion: undefined },
      { ...whole, eventName: null },
      { ...whole, s3: null },
      { ...whole, s3: { ...whole.s3, bucket: 'b' } },
      { ...whole, s3: { ...whole.s3, object: {} } },
      { ...whole, s3: { ...whole.s3, object: { key: ['images/a'] } } },
      { ...whole, s3: { ...whole.s3, object: { key: '' } } },
      JSON.parse('{"__proto__":{"eventSource":"aws:s3"}}'),
    ];
    const result = events({ Records: [...bad, whole] });
    assert.equal(result.malformed.length, bad.length);
    assert.deepEqual(result.keys, [{ key: 'images/a', removed: false }]);
  });

  it('count other keys and buckets as foreign', () => {
    const key = 'images/a';
    for (const body of [
      one(key, { eventSource: 'aws:sqs' }),
      one(key, { eventVersion: '3.0' }),
      one(key, { eventVersion: '1.0' }),
      one(key, { eventName: 'ObjectTagging:Put' }),
      one(key, { eventName: 's3:Replication:OperationFailedReplication' }),
      one(key, { eventName: 'ReducedRedundancyLostObject' }),
      one(key, { bucket: 'theirs' }),
      one('other/a'),
      one('image'),
      one('streams/v1/index.json'),
      one('catalog/catalog.json'),
    ]) {
      const expected = { kind: 'events', keys: [], foreign: 1, malformed: [] };
      assert.deepEqual(decodeObjectEvents(body, { bucket: 'ours' }), expected);
    }
  });

  it('ignore our own outputs, for any prefix', () => {
    const body = { Records: ['streams/x', 'catalog/y', 'z'].map((key) => s3Record(key)) };
    assert.deepEqual(events(body, { prefix: '' }).keys, [{ key: 'z', removed: false }]);
  });

  it('accept any bucket where none is given, and later minor versions', () => {
    const body = one(KEY, { bucket: 'any', eventVersion: '2.9' });
    assert.equal(events(body).keys.length, 1);
  });

  it('are a test when S3 checks the queue, or when they are empty', () => {
    const test = { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'ours', HostId: 'x' };
    assert.deepEqual(decodeObjectEvents(JSON.stringify(test)), { kind: 'test' });
    assert.deepEqual(decodeObjectEvents({ Records: [] }), { kind: 'test' });
  });

  it('are malformed as a whole when they have no records', () => {
    for (const body of [
      '',
      'nonsense',
      '{',
      'null',
      '[]',
      '7',
      {},
      null,
      undefined,
      { Records: {} },
    ]) {
      assert.equal(decodeObjectEvents(body).kind, 'malformed');
    }
    assert.equal(decodeObjectEvents('{"__proto__":{"Records":[]}}').kind, 'malformed');
    assert.equal(decodeObjectEvents('['.repeat(60_000)).kind, 'malformed');
  });

  it('may be deeply nested and have invalid numbers', () => {
    const deep = '['.repeat(5000) + ']'.repeat(5000);
    const record = JSON.stringify(s3Record('images/a')).replace(
      '"size":1024',
      `"size":1e999,"x":${deep}`,
    );
    assert.ok(record.includes('1e999'));
    assert.equal(events(`{"Records":[${record}]}`).keys.length, 1);
  });

  it('have a result for any JSON', () => {
    const record = fc.record(
      {
        eventSource: fc.constantFrom('aws:s3', 1, null),
        eventVersion: fc.constantFrom('2.1', '2', {}),
        eventName: fc.constantFrom('ObjectCreated:Put', []),
        s3: fc.oneof(
          fc.jsonValue(),
          fc.record({
            bucket: fc.oneof(fc.jsonValue(), fc.constant({ name: 'ours' })),
            object: fc.record({ key: fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' })) }),
          }),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(record, fc.jsonValue()), { minLength: 1 }), (records) => {
        const { keys, foreign, malformed } = events({ Records: records });
        assert.equal(keys.length + foreign + malformed.length, records.length);
        for (const { key } of keys) assert.ok(key.startsWith('images/'));
        for (const reason of malformed) assert.ok(reason.length <= 200);
      }),
    );
  });
});

describe('a MinIO webhook', () => {
  it('gives the key, decoded, of a stored or deleted object', () => {
    for (const [eventName, removed] of [
      ['s3:ObjectCreated:Put', false],
      ['s3:ObjectCreated:CompleteMultipartUpload', false],
      ['s3:ObjectRemoved:Delete', true],
      ['s3:ObjectRemoved:DeleteMarkerCreated', true],
    ] as const) {
      const body = minioWebhook('ours', KEY, eventName);
      assert.deepEqual(events(JSON.stringify(body), { bucket: 'ours' }), {
        kind: 'events',
        keys: [{ key: KEY, removed }],
        foreign: 0,
        malformed: [],
      });
      assert.equal(events(body, { bucket: 'theirs' }).foreign, 1);
    }
  });

  it('is foreign when it reports a download', () => {
    assert.equal(events(minioWebhook('ours', KEY, 's3:ObjectAccessed:Get')).foreign, 1);
  });
});
