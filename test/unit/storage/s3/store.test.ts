import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { describe, it } from 'node:test';
import type { ETag, ObjectStore } from '../../../../src/storage/object-store.ts';
import { decodeListed } from '../../../../src/storage/s3/list.ts';
import { partSizeFor } from '../../../../src/storage/s3/upload.ts';
import { bytes, rejectsWith } from '../../../support/stores/objects.ts';
import { withS3Listener } from '../../../support/stores/scripted-s3.ts';

const MIB = 1024 * 1024;

/**
 * A store on a server that responds as `listener` does, for responses that no real server can be
 * made to send.
 */
const withServer = (listener: RequestListener, use: (store: ObjectStore) => Promise<void>) =>
  withS3Listener(listener, use, { resumeLimits: { attempts: 2, pauseMs: 0, stallMs: 60_000 } });

describe('S3 store on a server that fails', () => {
  it('ends a body that breaks off with an error', async () => {
    const listener: RequestListener = (_, response) => {
      response.writeHead(200, { 'Content-Length': 1000, ETag: '"e"' });
      response.write('only this', () => response.destroy());
    };
    await withServer(listener, async (store) => {
      const { stream } = await store.read('key');
      await rejectsWith('unavailable', bytes(stream));
    });
  });

  it('rejects the whole object instead of a range, and another state than the pinned one', async () => {
    const listener: RequestListener = (_, response) => {
      response.writeHead(200, { 'Content-Length': 12, ETag: '"other"' }).end('whole object');
    };
    await withServer(listener, async (store) => {
      await rejectsWith('unavailable', store.read('key', { range: { start: 3, end: 5 } }));
      const pinned = store.read('key', { ifMatch: 'e' as ETag });
      await rejectsWith('precondition_failed', pinned);
    });
  });

  it("does not treat a web server's 404 as an absent object", async () => {
    const listener: RequestListener = (_, response) => {
      response.writeHead(404, { 'Content-Type': 'text/html' }).end('<h1>Not here</h1>');
    };
    await withServer(listener, async (store) => {
      await rejectsWith('unavailable', store.read('key'));
      await rejectsWith('unavailable', store.write('key', Buffer.from('x')));
      await rejectsWith('unavailable', store.list('')[Symbol.asyncIterator]().next());
    });
  });

  it('does not treat a listing without its continuation as complete', async () => {
    const listener: RequestListener = (_, response) => {
      response
        .writeHead(200, { 'Content-Type': 'application/xml' })
        .end('<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>');
    };
    await withServer(listener, async (store) => {
      await rejectsWith('unavailable', store.list('')[Symbol.asyncIterator]().next());
    });
  });
});

describe('sizes of parts', () => {
  it('are large enough for any object in 10,000 parts, and small for small objects', () => {
    assert.equal(partSizeFor(undefined), 16 * MIB);
    assert.equal(partSizeFor(1), 5 * MIB);
    assert.equal(partSizeFor(50_000 * MIB), 5 * MIB);
    for (const size of [160_000 * MIB + 1, 5 * 1024 ** 4]) {
      assert(partSizeFor(size) * 10_000 >= size);
      assert(partSizeFor(size) <= 5 * 1024 * MIB);
    }
  });
});

describe('decodeListed', () => {
  it('decodes the keys of listings', () => {
    assert.equal(decodeListed('a%2Bb+c%C3%A9/%25'), 'a+b cé/%');
    assert.equal(decodeListed('bad%FFbyte%'), 'bad\ufffdbyte%');
  });
});
