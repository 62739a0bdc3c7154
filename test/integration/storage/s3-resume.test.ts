import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import type { ETag, ObjectStore } from '../../../src/storage/object-store.ts';
import { openS3Store } from '../../../src/storage/s3/store.ts';
import { eventually } from '../../support/eventually.ts';
import { bytes, pattern, rejectsWith } from '../../support/stores/objects.ts';
import { makeBucket, storeOptions } from '../../support/services/bucket.ts';
import {
  startCuttingProxy,
  type Cut,
  type CuttingProxy,
} from '../../support/services/cutting-proxy.ts';
import { startMinio, type S3Service } from '../../support/services/minio.ts';

const MIB = 1024 * 1024;
const BUCKET = 'resumed';
const KEY = 'images/a/1/amd64/default/20180716_12:00/rootfs.squashfs';
const CONTENT = pattern(12 * MIB);

describe('an S3 read whose connection breaks off', () => {
  let service: S3Service;
  let direct: ObjectStore;
  let etag: ETag;
  let proxy: CuttingProxy;
  let store: ObjectStore;
  let requests: number;

  const open = (stallMs: number) => {
    const resumeLimits = { attempts: 4, pauseMs: 1, stallMs };
    const options = storeOptions({ ...service, endpoint: proxy.endpoint }, BUCKET);
    return openS3Store({ ...options, resumeLimits, onRequest: () => (requests += 1) });
  };

  before(async () => {
    service = await startMinio();
    await makeBucket(service, BUCKET);
    direct = openS3Store(storeOptions(service, BUCKET));
  });
  after(async () => {
    await direct.close();
    await service.stop();
  });
  beforeEach(async () => {
    ({ etag } = await direct.write(KEY, CONTENT));
    proxy = await startCuttingProxy(service.endpoint);
    requests = 0;
    store = open(60_000);
  });
  afterEach(async () => {
    await store.close();
    await proxy.stop();
  });

  it('reads only the last percent again', async () => {
    proxy.cut({ after: Math.floor(0.99 * CONTENT.length), how: 'closed' });
    const { stream, info } = await store.read(KEY);
    assert.equal(info.etag, etag);
    assert((await bytes(stream)).equals(CONTENT));
    assert.equal(requests, 2);
    assert(proxy.carried() < 1.3 * CONTENT.length, String(proxy.carried()));
  });

  it('continues as often as it makes progress, after a reset or an end', async () => {
    const cuts = Array.from({ length: 9 }, (_, index): Cut => {
      return { after: MIB, how: index % 2 === 0 ? 'reset' : 'closed' };
    });
    proxy.cut(...cuts);
    assert((await bytes((await store.read(KEY, { ifMatch: etag })).stream)).equals(CONTENT));
    assert(requests >= 10, String(requests));
  });

  it('continues within the requested range', async () => {
    proxy.cut({ after: MIB, how: 'closed' }, { after: MIB, how: 'reset' });
    const range = { start: 5 * MIB + 1, end: 9 * MIB + 2 };
    const { stream } = await store.read(KEY, { range, ifMatch: etag });
    assert((await bytes(stream)).equals(CONTENT.subarray(range.start, range.end)));
    proxy.cut({ after: MIB, how: 'closed' });
    const beyond = await store.read(KEY, { range: { start: 9 * MIB, end: 99 * MIB } });
    assert((await bytes(beyond.stream)).equals(CONTENT.subarray(9 * MIB)));
  });

  it('continues when the connection is open but silent', async () => {
    await store.close();
    store = open(1_000);
    proxy.cut({ after: 3 * MIB, how: 'silent' });
    assert((await bytes((await store.read(KEY)).stream)).equals(CONTENT));
    await eventually(() => proxy.open() <= 1);
  });

  it('fails when the object was changed or removed in between', async () => {
    const other = Buffer.alloc(CONTENT.length, 'n');
    const changes = [() => direct.write(KEY, other), () => direct.remove(KEY)];
    for (const meanwhile of changes) {
      proxy.cut({ after: 3 * MIB, how: 'reset', meanwhile });
      const fresh = open(60_000);
      const { stream } = await fresh.read(KEY);
      await rejectsWith('precondition_failed', bytes(stream));
      await fresh.close();
    }
  });

  it('gives up when every connection breaks at once', async () => {
    const none = Array.from({ length: 100 }, (): Cut => ({ after: 1, how: 'reset' }));
    proxy.cut({ after: 3 * MIB, how: 'reset' }, ...none);
    const hasty = openS3Store({
      ...storeOptions({ ...service, endpoint: proxy.endpoint }, BUCKET),
      maxAttempts: 1,
      resumeLimits: { attempts: 3, pauseMs: 1, stallMs: 60_000 },
    });
    await rejectsWith('unavailable', bytes((await hasty.read(KEY)).stream));
    await hasty.close();
  });

  it('can be cancelled while the server is silent, and leaves no connection', async () => {
    const controller = new AbortController();
    proxy.cut({ after: 3 * MIB, how: 'silent' });
    const { stream } = await store.read(KEY, { signal: controller.signal });
    stream.once('data', () => controller.abort());
    await rejectsWith('unavailable', bytes(stream));
    await eventually(() => proxy.open() === 0);
  });

  it('leaves no connection when its reader stops', async () => {
    proxy.cut({ after: MIB, how: 'reset' }, { after: MIB, how: 'silent' });
    const { stream } = await store.read(KEY);
    for await (const chunk of stream) {
      assert(chunk instanceof Uint8Array);
      if (requests === 2) break;
    }
    if (!stream.closed) await once(stream, 'close');
    await eventually(() => proxy.open() === 0);
  });

  it('leaves the connection for the next read when all is well', async () => {
    for (let turn = 0; turn < 3; turn += 1) {
      assert((await bytes((await store.read(KEY)).stream)).equals(CONTENT));
    }
    assert.equal(requests, 3);
    assert.equal(proxy.open(), 1);
  });
});
