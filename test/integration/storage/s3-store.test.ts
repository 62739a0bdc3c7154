import {
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketVersioningCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parseCredentials } from '../../../src/storage/credentials.ts';
import { isStoreProblem, parseStoreUrl } from '../../../src/storage/location.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { openStore } from '../../../src/storage/open-store.ts';
import { openS3Store } from '../../../src/storage/s3/store.ts';
import { bytes, chunked, collect, pattern, rejectsWith } from '../../support/stores/objects.ts';
import {
  makeBucket,
  rawClient,
  storeOptions,
  unfinishedUploads,
} from '../../support/services/bucket.ts';
import { startMinio, type S3Service } from '../../support/services/minio.ts';
import { startSickProxy } from '../../support/servers/sick-proxy.ts';
import { freePort } from '../../support/services/service.ts';

const MIB = 1024 * 1024;
const BUCKET = 'adapter';

describe('S3 store', () => {
  let service: S3Service;
  let store: ObjectStore;
  let raw: S3Client;
  let requests: string[] = [];

  before(async () => {
    service = await startMinio();
    await makeBucket(service, BUCKET);
    raw = rawClient(service);
    const onRequest = (name: string) => requests.push(name);
    store = openS3Store({ ...storeOptions(service, BUCKET), onRequest });
  });
  after(async () => {
    raw.destroy();
    await store.close();
    await service.stop();
  });

  it('keeps content type, cache control and encoding for every way to write an object', async () => {
    const options = {
      contentType: 'application/json',
      cacheControl: 'max-age=60',
      contentEncoding: 'gzip',
    } as const;
    const small = gzipSync('{}');
    const large = pattern(17 * MIB);
    const written = await store.write('meta/write', small, options);
    await store.upload('meta/upload', chunked(small), options);
    const big = await store.upload('meta/parts', chunked(large), options);
    const source = { store, key: 'meta/write', etag: written.etag, size: small.length };
    await store.copy(source, 'meta/copy-same');
    await store.copy(source, 'meta/copy-condition', { ...options, condition: { ifAbsent: true } });
    await store.copy(
      { ...source, key: 'meta/parts', etag: big.etag, size: large.length },
      'meta/copy-new',
      options,
    );
    for await (const { key } of store.list('meta/')) {
      const head = await raw.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }));
      assert.equal(head.ContentType, 'application/json', key);
      assert.equal(head.CacheControl, 'max-age=60', key);
      assert.match(head.ContentEncoding ?? '', /gzip/, key);
      const body = await store.read(key);
      body.stream.destroy();
      assert.match(body.contentEncoding ?? '', /gzip/, key);
    }
    const plain = await store.write('plain', small);
    const body = await store.read('plain', { ifMatch: plain.etag });
    assert.equal(body.contentEncoding, undefined);
    assert((await bytes(body.stream)).equals(small));
  });

  it('makes one request for each simple operation, and counts them all', async () => {
    const count = async (act: () => Promise<unknown>) => {
      requests = [];
      await act();
      return requests.join(' ');
    };
    const big = chunked(pattern(33 * MIB));
    assert.equal(await count(() => store.write('n/a', Buffer.from('x'))), 'PutObject');
    assert.equal(await count(() => store.stat('n/a')), 'HeadObject');
    assert.equal(await count(async () => bytes((await store.read('n/a')).stream)), 'GetObject');
    assert.equal(await count(() => collect(store.list('n/'))), 'ListObjectsV2');
    assert.equal(await count(() => store.upload('n/b', chunked(pattern(9)))), 'PutObject');
    assert.equal(
      await count(() => store.upload('n/c', big)),
      'CreateMultipartUpload UploadPart UploadPart UploadPart CompleteMultipartUpload',
    );
    assert.equal(await count(() => store.remove('n/a')), 'DeleteObject');
  });

  it('copies large objects in parts, pinned, and leaves none behind when that fails', async () => {
    const copying = openS3Store({
      ...storeOptions(service, BUCKET),
      copyLimits: { single: 6 * MIB, part: 5 * MIB },
    });
    const content = pattern(17 * MIB + 3);
    const { etag, size } = await copying.upload('large/20180716_12:00/from', chunked(content));
    const source = { store: copying, key: 'large/20180716_12:00/from', etag, size };
    const copied = await copying.copy(source, 'large/to', { contentType: 'text/plain' });
    assert(
      (await bytes((await store.read('large/to', { ifMatch: copied.etag })).stream)).equals(
        content,
      ),
    );
    await copying.write(source.key, pattern(size));
    await rejectsWith('precondition_failed', copying.copy(source, 'large/stale'));
    assert.equal(await store.stat('large/stale'), undefined);
    assert.equal(await unfinishedUploads(service, BUCKET), 0);
    await copying.close();
  });

  it('makes the server check each part of an upload, and stores no damaged part', async () => {
    const proxy = await startSickProxy(service.endpoint);
    const through = openS3Store(storeOptions({ ...service, endpoint: proxy.endpoint }, BUCKET));
    const content = pattern(17 * MIB + 3);
    const upload = () => through.upload('checked', chunked(content), { size: content.length });
    await upload();
    const asked = { Bucket: BUCKET, Key: 'checked', ChecksumMode: 'ENABLED' } as const;
    const { ChecksumCRC32 } = await raw.send(new HeadObjectCommand(asked));
    assert.match(ChecksumCRC32 ?? '', /^[A-Za-z0-9+/]{6}==-4$/);
    proxy.sickness = 'damaging';
    await assert.rejects(upload);
    assert((await bytes((await store.read('checked')).stream)).equals(content));
    assert.equal(await unfinishedUploads(service, BUCKET), 0);
    await through.close();
    await proxy.close();
  });

  it('copies between buckets of one service, not with other credentials', async () => {
    await makeBucket(service, 'other-bucket');
    const other = openS3Store(storeOptions(service, 'other-bucket'));
    const { etag } = await store.write('between', Buffer.from('between'));
    const source = { store, key: 'between', etag, size: 7 };
    await other.copy(source, 'copied');
    assert.equal((await bytes((await other.read('copied')).stream)).toString(), 'between');
    const stranger = openS3Store(storeOptions({ ...service, accessKey: 'else' }, BUCKET));
    await rejectsWith('unsupported', stranger.copy(source, 'copied'));
    await other.close();
    await stranger.close();
  });

  it('returns the version id where the bucket keeps versions', async () => {
    await makeBucket(service, 'versioned');
    await raw.send(
      new PutBucketVersioningCommand({
        Bucket: 'versioned',
        VersioningConfiguration: { Status: 'Enabled' },
      }),
    );
    const versioned = openS3Store(storeOptions(service, 'versioned'));
    const one = await versioned.write('key', Buffer.from('one'));
    const two = await versioned.upload('key', chunked(pattern(17 * MIB)));
    assert(one.versionId !== undefined && two.versionId !== undefined);
    assert.notEqual(one.versionId, two.versionId);
    assert.equal((await versioned.stat('key'))?.versionId, two.versionId);
    const { Body } = await raw.send(
      new GetObjectCommand({ Bucket: 'versioned', Key: 'key', VersionId: one.versionId }),
    );
    assert.equal(await Body?.transformToString(), 'one');
    await versioned.remove('key');
    assert.equal(await versioned.stat('key'), undefined);
    const back = versioned.write('key', Buffer.from('x'), { condition: { ifMatch: two.etag } });
    await rejectsWith('not_found', back);
    await versioned.close();
  });

  it('lists keys that XML cannot represent', async () => {
    const keys = ['odd/\u0001', 'odd/a\u0008b', 'odd/plain'];
    for (const key of keys) await store.write(key, Buffer.from('x'));
    const listed = await collect(store.list('odd/'));
    assert.deepEqual(
      listed.map(({ key }) => key),
      keys,
    );
  });

  it('reports a bucket that does not exist, for every operation', async () => {
    const missing = openS3Store(storeOptions(service, 'no-such-bucket'));
    await rejectsWith('not_found', missing.read('key'));
    await rejectsWith('not_found', collect(missing.list('')));
    await rejectsWith('not_found', missing.write('key', Buffer.from('x')));
    await rejectsWith('not_found', missing.upload('key', chunked(pattern(17 * MIB))));
    await rejectsWith('not_found', missing.remove('key'));
    await missing.close();
  });

  it('reports an endpoint that does not respond', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const dead = openS3Store({ ...storeOptions({ ...service, endpoint }, BUCKET), maxAttempts: 1 });
    await rejectsWith('unavailable', dead.stat('key'));
    await rejectsWith('unavailable', dead.read('key'));
    await rejectsWith('unavailable', collect(dead.list('')));
    await rejectsWith('unavailable', dead.upload('key', chunked(pattern(1))));
    await dead.close();
  });

  it('is opened by its URL, with credentials from named variables', async () => {
    const location = parseStoreUrl(
      `s3://${BUCKET}?endpoint=${service.endpoint}&region=us-east-1`,
      '/',
    );
    assert(!isStoreProblem(location));
    const credentials = parseCredentials('env:TEST');
    const env = {
      TEST_ACCESS_KEY_ID: service.accessKey,
      TEST_SECRET_ACCESS_KEY: service.secretKey,
    };
    const opened = await openStore({ location, credentials }, { env });
    await opened.write('by-url', Buffer.from('x'));
    assert.equal((await store.stat('by-url'))?.size, 1);
    assert.equal(opened.url, `s3://${BUCKET}?endpoint=${service.endpoint}&region=us-east-1`);
    await opened.close();
  });
});
