import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isStoreProblem,
  parseStoreUrl,
  storeIdentity,
  storeUrl,
  withoutSecrets,
} from '../../../src/storage/location.ts';

const BASE = '/etc/images';

describe('parseStoreUrl', () => {
  const MINIO = 'http://127.0.0.1:9000';
  for (const [text, expected] of [
    ['file:./data', { kind: 'directory', path: '/etc/images/data' }],
    ['file:data', { kind: 'directory', path: '/etc/images/data' }],
    ['file:../data/', { kind: 'directory', path: '/etc/data' }],
    ['file:/srv/images', { kind: 'directory', path: '/srv/images' }],
    ['file:my%20images', { kind: 'directory', path: '/etc/images/my%20images' }],
    ['file:./20180716_12:00', { kind: 'directory', path: '/etc/images/20180716_12:00' }],
    ['file:what?#', { kind: 'directory', path: '/etc/images/what?#' }],
    ['file:///srv/my%20images', { kind: 'directory', path: '/srv/my images' }],
    ['file:///srv/my%3F%23', { kind: 'directory', path: '/srv/my?#' }],
    ['file://localhost/srv', { kind: 'directory', path: '/srv' }],
    ['FILE:./data', { kind: 'directory', path: '/etc/images/data' }],
    ['s3://bucket', { kind: 'bucket', bucket: 'bucket' }],
    ['S3://bucket', { kind: 'bucket', bucket: 'bucket' }],
    ['s3://my.bucket-1/', { kind: 'bucket', bucket: 'my.bucket-1' }],
    ['s3://bucket?region=eu-west-1', { kind: 'bucket', bucket: 'bucket', region: 'eu-west-1' }],
    [
      `s3://bucket?endpoint=${MINIO}/&region=us-east-1`,
      { kind: 'bucket', bucket: 'bucket', endpoint: MINIO, region: 'us-east-1' },
    ],
    [
      `s3://My_Bucket?endpoint=${MINIO}&region=garage`,
      { kind: 'bucket', bucket: 'My_Bucket', endpoint: MINIO, region: 'garage' },
    ],
    [
      's3://bucket?endpoint=https://storage.example/v1/s3/',
      { kind: 'bucket', bucket: 'bucket', endpoint: 'https://storage.example/v1/s3' },
    ],
  ] as const) {
    it(`accepts ${text}, and writes it so that it is read again`, () => {
      const location = parseStoreUrl(text, BASE);
      assert.deepEqual(location, expected);
      assert.deepEqual(parseStoreUrl(storeUrl(expected), '/elsewhere'), expected);
    });
  }

  for (const [text, said] of [
    ['', /no store URL/],
    ['./data', /no store URL/],
    ['/srv/images', /no store URL/],
    ['./20180716_12:00', /no store URL/],
    ['https://bucket.s3.amazonaws.com', /no store URL/],
    ['file:', /no directory/],
    ['file://', /no local directory/],
    ['file://host/path', /no local directory/],
    ['file:///%zz', /badly encoded.*%25/],
    ['file:///a%00b', /badly encoded/],
    ['file:///a?b', /%3F/],
    ['a\0b', /NUL/],
    ['file:a\0b', /NUL/],
    ['s3:bucket', /not a bucket alone/],
    ['s3://', /names the bucket ""/],
    ['s3://b', /names the bucket "b"/],
    ['s3://10.0.0.1', /names the bucket/],
    [`s3://10.0.0.1?endpoint=${MINIO}`, /names the bucket/],
    ['s3://My_Bucket', /names the bucket "My_Bucket"/],
    [`s3://my*bucket?endpoint=${MINIO}`, /names the bucket/],
    ['s3://bucket/prefix', /not a bucket alone/],
    ['s3://bucket#part', /not a bucket alone/],
    ['s3://bucket?endpoint=ftp://host', /endpoint=https/],
    ['s3://bucket?endpoint=host:9000', /endpoint=https/],
    ['s3://bucket?endpoint=', /endpoint=https/],
    ['s3://bucket?regoin=eu-west-1', /regoin, unknown/],
    ['s3://bucket?region=eu-west-1&region=eu-west-2', /twice/],
    ['s3://bucket?region=nowhere', /"nowhere".*AWS/],
    ['s3://bucket?region=', /""/],
    [`s3://bucket?endpoint=${MINIO}&region=a/b`, /"a\/b"/],
  ] as const) {
    it(`rejects ${JSON.stringify(text)}`, () => {
      const answer = parseStoreUrl(text, BASE);
      assert(isStoreProblem(answer));
      assert.match(`${answer.problem}; ${answer.remedy}`, said);
      assert.notEqual(answer.remedy, '');
    });
  }

  for (const text of [
    's3://me:hunter2@bucket',
    's3://me:/hunter2/x@bucket',
    's3://me:#hunter2@bucket',
    's3://bucket?secretAccessKey=hunter2',
    's3://bucket?AWS_SESSION_TOKEN=hunter2',
    's3://bucket?endpoint=https://me:hunter2@host',
  ]) {
    it(`rejects the credentials in ${text}, and does not repeat them`, () => {
      const answer = parseStoreUrl(text, BASE);
      assert(isStoreProblem(answer));
      assert.match(answer.problem, /credentials/);
      for (const said of [answer.problem, answer.remedy, withoutSecrets(text)]) {
        assert.doesNotMatch(said, /hunter2/);
      }
    });
  }

  it('does not repeat the name of a parameter that looks like no name', () => {
    const text = 's3://me:half?hunter2@bucket';
    const answer = parseStoreUrl(text, BASE);
    assert(isStoreProblem(answer));
    for (const said of [answer.problem, withoutSecrets(text)]) {
      assert.doesNotMatch(said, /hunter2|half/);
    }
  });
});

describe('withoutSecrets', () => {
  it('keeps what cannot be a secret', () => {
    assert.equal(withoutSecrets('/srv/me@home'), '/srv/me@home');
    assert.equal(withoutSecrets('s3://bucket/prefix'), 's3://bucket/prefix');
    assert.equal(withoutSecrets('s3://bucket?x=y'), 's3://bucket?…');
  });
});

describe('storeIdentity', () => {
  it('is one for the URLs of one store, and different for other stores', () => {
    const identity = (text: string) => {
      const location = parseStoreUrl(text, BASE);
      assert(!isStoreProblem(location));
      return storeIdentity(location);
    };
    assert.equal(identity('file:data'), identity('file:///etc/images/./data/'));
    assert.equal(identity('s3://one?region=eu-west-1'), identity('s3://one'));
    const apart = [
      'file:data',
      's3://one',
      's3://two',
      's3://one?endpoint=http://a:1',
      's3://one?endpoint=http://a:2',
      's3://one?endpoint=http://a:2/b',
    ];
    assert.equal(new Set(apart.map(identity)).size, apart.length);
  });
});
