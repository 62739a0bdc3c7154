import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { bytes, chunked, pattern, rejectsWith } from '../../../support/stores/objects.ts';
import { content, failure, withS3Server, type Seen } from '../../../support/stores/scripted-s3.ts';

const MIB = 1024 * 1024;

const senders = (seen: readonly Seen[]) => seen.map(({ bySdk }) => (bySdk ? 'SDK' : 'wire'));

describe('requests without the SDK', () => {
  it('are used after one request of the SDK succeeded', async () => {
    await withS3Server(
      (_, response) => content(response, 'text'),
      async (store, seen) => {
        for (const key of ['a/b c', "d'(e)/ü+", 'f']) {
          assert.equal((await bytes((await store.read(key)).stream)).toString(), 'text');
        }
        await store.write('g', Buffer.from('body'), { contentType: 'text/plain' });
        assert.deepEqual(senders(seen), ['SDK', 'wire', 'wire', 'wire']);
        assert.equal(seen[1]?.url, '/bucket/d%27%28e%29/%C3%BC%2B');
        const { headers, body } = seen[3] ?? assert.fail();
        assert.equal(body.toString(), 'body');
        assert.equal(headers['content-type'], 'text/plain');
        const sha256 = createHash('sha256').update('body').digest('hex');
        assert.equal(headers['x-amz-content-sha256'], sha256);
      },
    );
  });

  it('are left to the SDK when they fail', async () => {
    await withS3Server(
      ({ bySdk }, response) =>
        bySdk ? content(response, 'text') : failure(response, 503, 'SlowDown'),
      async (store, seen) => {
        await (await store.read('one')).stream.toArray();
        assert.equal((await bytes((await store.read('two')).stream)).toString(), 'text');
        await store.write('three', Buffer.from('x'));
        assert.deepEqual(senders(seen), ['SDK', 'wire', 'SDK', 'wire', 'SDK']);
      },
    );
  });

  it('fail like those of the SDK', async () => {
    let gone = false;
    await withS3Server(
      (_, response) => (gone ? failure(response, 404, 'NoSuchKey') : content(response, 'text')),
      async (store) => {
        await (await store.read('one')).stream.toArray();
        gone = true;
        await rejectsWith('not_found', store.read('one'));
      },
    );
  });

  it('end permanently where a server accepts only those of the SDK', async () => {
    await withS3Server(
      ({ bySdk }, response) =>
        bySdk ? content(response, 'text') : failure(response, 403, 'AccessDenied'),
      async (store, seen) => {
        for (let n = 0; n < 6; n += 1) await (await store.read('key')).stream.toArray();
        assert.deepEqual(senders(seen), [
          'SDK',
          'wire',
          'SDK',
          'wire',
          'SDK',
          'wire',
          'SDK',
          'SDK',
          'SDK',
        ]);
      },
    );
  });
});

describe('uploads that a server rejects', () => {
  it('return its reason, although the source is still sending or silent', async () => {
    await withS3Server(
      ({ url }, response) => {
        if (url?.includes('uploads') === true) failure(response, 404, 'NoSuchBucket');
        else content(response, '');
      },
      async (store) => {
        const upload = store.upload('key', chunked(pattern(40 * MIB)), { size: 40 * MIB });
        await rejectsWith('not_found', upload);
      },
    );
  });

  it('end with a part that fails, although the source stays silent', async () => {
    let [begun, ended] = [0, 0];
    await withS3Server(
      ({ url = '', method }, response) => {
        if (method === 'POST') {
          begun += 1;
          const xml = '<InitiateMultipartUploadResult><UploadId>u</UploadId>';
          response
            .writeHead(200, { 'Content-Type': 'application/xml' })
            .end(`${xml}</InitiateMultipartUploadResult>`);
        } else if (url.includes('partNumber')) failure(response, 507, 'XMinioStorageFull');
        else {
          ended += 1;
          response.writeHead(204).end();
        }
      },
      async (store) => {
        async function* silent() {
          yield pattern(9 * MIB);
          await new Promise(() => undefined);
        }
        await rejectsWith('no_space', store.upload('key', silent(), { size: 40 * MIB }));
        assert.deepEqual([begun, ended], [1, 1]);
      },
    );
  });
});
