import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodeRequest,
  isWhollyRead,
  hideFor,
  parseQueueEvent,
  sweepMessage,
} from '../../../lambda/queue-batch.ts';
import type { Outcome } from '../../../src/pipeline/indexing/index-versions.ts';

const PREFIX = 'images/iats/xenial/amd64/default/20180716_12:00/';
const BUCKET = 'master';

function s3Event(key: string, bucket = BUCKET): string {
  const record = {
    eventVersion: '2.1',
    eventSource: 'aws:s3',
    eventName: 'ObjectCreated:Put',
    s3: {
      bucket: { name: bucket },
      object: { key: encodeURIComponent(key).replaceAll('%2F', '/') },
    },
  };
  return JSON.stringify({ Records: [record] });
}

function message(receives: number) {
  return { messageId: 'm', receiptHandle: 'r', body: '', receives };
}

describe('the messages of a batch', () => {
  it('are read with their number of receives', () => {
    const record = {
      messageId: 'one',
      receiptHandle: 'handle',
      body: '{}',
      attributes: { ApproximateReceiveCount: '3' },
    };
    assert.deepEqual(parseQueueEvent({ Records: [record] }), [
      { messageId: 'one', receiptHandle: 'handle', body: '{}', receives: 3 },
    ]);
    assert.throws(() => parseQueueEvent({ Records: [{ messageId: 1 }] }));
    assert.throws(() => parseQueueEvent('nothing'));
  });

  it('request the version of each key, once', () => {
    assert.deepEqual(decodeRequest(s3Event(`${PREFIX}rootfs.squashfs`), BUCKET), {
      kind: 'index',
      prefixes: [PREFIX],
      foreign: 0,
    });
  });

  it('request nothing when they are a test, of another bucket, or our own output', () => {
    const test = JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: BUCKET });
    for (const body of [test, s3Event(`${PREFIX}x`, 'other'), s3Event('streams/v1/images.json')]) {
      const request = decodeRequest(body, BUCKET);
      assert.deepEqual(request.kind === 'index' && request.prefixes, []);
    }
  });

  it('are malformed when nothing in them can be read', () => {
    for (const body of [
      '',
      'no json',
      '[]',
      '{"Records":7}',
      '{"bucketstreams":{"versions":["catalog/"]}}',
    ]) {
      assert.equal(decodeRequest(body, BUCKET).kind, 'malformed', body);
    }
  });

  it('keep their readable records, and report the others', () => {
    const good = s3Event(`${PREFIX}rootfs.squashfs`).slice('{"Records":['.length, -']}'.length);
    const bad = good.replace(/"key":"[^"]*"/, '"key":"%E0%A4%A"');
    const request = decodeRequest(`{"Records":[${bad},${good},7]}`, BUCKET);
    assert.deepEqual(request, {
      kind: 'index',
      prefixes: [PREFIX],
      foreign: 0,
      unreadable: ['the key "%E0%A4%A" is not form-encoded UTF-8', 'a record is no object'],
    });
    assert.equal(isWhollyRead(request), false);
    assert.equal(isWhollyRead(decodeRequest(s3Event(`${PREFIX}x`), BUCKET)), true);
  });

  it('of a sweep name versions and products', () => {
    const prefixes = [PREFIX, 'images/iats/xenial/amd64/default/'];
    assert.deepEqual(decodeRequest(sweepMessage(prefixes), BUCKET), {
      kind: 'index',
      prefixes,
      foreign: 0,
    });
  });
});

describe('hideFor', () => {
  const again = (afterMs: number): Outcome => ({ kind: 'again', afterMs, reason: 'later' });

  it('is undefined when all versions of a message are done or held', () => {
    const outcomes = new Map<string, Outcome>([[PREFIX, { kind: 'done' }]]);
    assert.equal(hideFor(message(1), [PREFIX], outcomes), undefined);
    assert.equal(hideFor(message(1), [], outcomes), undefined);
    const held = new Map<string, Outcome>([[PREFIX, { kind: 'held', reason: 'gone' }]]);
    assert.equal(hideFor(message(1), [PREFIX], held), undefined);
  });

  it('hides a message for 5 seconds, doubling up to 5 minutes, and at least the requested time', () => {
    const outcomes = new Map([[PREFIX, again(1000)]]);
    const waits = [1, 2, 3, 7, 50].map((receives) =>
      hideFor(message(receives), [PREFIX], outcomes),
    );
    assert.deepEqual(waits, [5, 10, 20, 300, 300]);
    assert.equal(hideFor(message(1), [PREFIX], new Map([[PREFIX, again(90_000)]])), 90);
  });
});
