import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openStore, parseCredentials } from '../../../src/storage/open-store.ts';
import { parseStoreUrl, StoreUrlError } from '../../../src/storage/store-url.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('parseStoreUrl', () => {
  for (const [text, expected] of [
    ['file:./data', { kind: 'directory', path: './data' }],
    ['file:data', { kind: 'directory', path: 'data' }],
    ['file:/srv/images', { kind: 'directory', path: '/srv/images' }],
    ['file:///srv/my%20images', { kind: 'directory', path: '/srv/my images' }],
    ['FILE:./data', { kind: 'directory', path: './data' }],
    ['./data', { kind: 'directory', path: './data' }],
    ['/srv/images', { kind: 'directory', path: '/srv/images' }],
    ['./20180716_12:00', { kind: 'directory', path: './20180716_12:00' }],
    ['s3://bucket', { kind: 's3', bucket: 'bucket' }],
    ['s3://my.bucket-1/', { kind: 's3', bucket: 'my.bucket-1' }],
    ['s3://bucket?region=eu-west-1', { kind: 's3', bucket: 'bucket', region: 'eu-west-1' }],
    [
      's3://bucket?endpoint=http://127.0.0.1:9000/&region=us-east-1',
      { kind: 's3', bucket: 'bucket', endpoint: 'http://127.0.0.1:9000', region: 'us-east-1' },
    ],
  ] as const) {
    it(`takes ${text}`, () => {
      assert.deepEqual(parseStoreUrl(text), expected);
    });
  }

  for (const text of [
    '',
    'file:',
    'file://host/path',
    'file:///%zz',
    'a\0b',
    'https://bucket.s3.amazonaws.com',
    's3:bucket',
    's3://',
    's3://b',
    's3://bucket/prefix',
    's3://bucket#part',
    's3://bucket?endpoint=ftp://host',
    's3://bucket?endpoint=host:9000',
    's3://bucket?regoin=eu-west-1',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseStoreUrl(text), StoreUrlError);
    });
  }

  it('refuses credentials, and does not repeat them', () => {
    for (const text of [
      's3://me:hunter2@bucket',
      's3://bucket?secretAccessKey=hunter2',
      's3://bucket?endpoint=https://me:hunter2@host',
    ]) {
      assert.throws(
        () => parseStoreUrl(text),
        (error) =>
          error instanceof StoreUrlError &&
          error.message.includes('credentials') &&
          !error.message.includes('hunter2'),
        text,
      );
    }
  });
});

describe('parseCredentials', () => {
  it('reads the forms of the setting', () => {
    const env = { M_ACCESS_KEY_ID: 'id', M_SECRET_ACCESS_KEY: 'key', M_SESSION_TOKEN: 'token' };
    assert.deepEqual(parseCredentials('default', {}), { kind: 'default' });
    assert.deepEqual(parseCredentials('profile:a b', {}), { kind: 'profile', name: 'a b' });
    assert.deepEqual(parseCredentials('env:M', env), {
      kind: 'keys',
      accessKeyId: 'id',
      secretAccessKey: 'key',
      sessionToken: 'token',
    });
  });

  it('refuses other forms, and what is not set', () => {
    for (const text of ['', 'profile:', 'env:M', 'hunter2', 'secret:arn:aws:x', 'Default']) {
      assert.throws(
        () => parseCredentials(text, { M_ACCESS_KEY_ID: 'id' }),
        (error) => error instanceof StoreUrlError && !error.message.includes('hunter2'),
      );
    }
  });
});

describe('openStore', () => {
  it('opens directories and buckets', async () => {
    await using folder = await temporaryFolder();
    const directory = await openStore(`file:${folder.path}`);
    await directory.write('key', Buffer.from('x'));
    assert.equal((await directory.stat('key'))?.size, 1);
    await directory.close();
    const bucket = await openStore('s3://bucket?region=eu-west-1');
    assert.equal(bucket.url, 's3://bucket?region=eu-west-1');
    await bucket.close();
    await assert.rejects(openStore('s3://'), StoreUrlError);
  });
});
