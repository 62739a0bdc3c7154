import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';

import { openS3Store } from '../../../src/storage/s3/store.ts';
import { eventually } from '../../support/eventually.ts';
import {
  field,
  fingerprintOf,
  gatewayFixture,
  metadataTar,
  splitUpload,
  SQUASHFS,
  type GatewayFixture,
  type Talk,
} from '../../support/servers/gateway-fixture.ts';
import { makeBucket, storeOptions, unfinishedUploads } from '../../support/services/bucket.ts';
import { startMinio, type S3Service } from '../../support/services/minio.ts';

/** Longer than one part of a multipart upload. */
const LARGE = Buffer.concat([SQUASHFS, Buffer.alloc(40 * 1024 * 1024, 3)]);

describe('the gateway on MinIO', () => {
  const resources = new AsyncDisposableStack();
  let minio: S3Service;
  let gateway: GatewayFixture;
  let client: Talk;

  before(async () => {
    minio = await startMinio();
    resources.defer(() => minio.stop());
    await makeBucket(minio, 'images');
    const store = openS3Store(storeOptions(minio, 'images'));
    gateway = resources.use(await gatewayFixture({ on: store, rest: 3_600_000 }));
    client = await gateway.trusted();
  });
  after(() => resources.disposeAsync());

  it('stores an image with an alias in the upload', async () => {
    const metadata = metadataTar('with');
    const upload = splitUpload(metadata, LARGE);
    const headers = { ...upload.headers, 'x-incus-aliases': 'alias=a%2Fb%2Fwith' };
    const reply = await client('/1.0/images', { ...upload, headers });
    assert.equal(reply.status, 202, reply.error);
    const fingerprint = field(reply, 'metadata', 'metadata', 'fingerprint');
    assert.equal(fingerprint, fingerprintOf(metadata, LARGE));
    const [first = '', second = ''] = await gateway.keys('images/a/b/amd64/with/');
    assert.match(first, /lxd\.tar\.xz$/);
    const { stream } = await gateway.store.read(second);
    assert(Buffer.concat(await stream.toArray()).equals(LARGE));
  });

  it('moves an image to its product when the alias follows', async () => {
    const metadata = metadataTar('after');
    assert.equal((await client('/1.0/images', splitUpload(metadata, LARGE))).status, 202);
    const json = { name: 'a/b/after', target: fingerprintOf(metadata, LARGE) };
    const named = await client('/1.0/images/aliases', { json });
    assert.equal(named.status, 200, named.error);
    const keys = await gateway.keys('images/a/b/amd64/after/');
    assert.equal(keys.length, 2);
    const { stream } = await gateway.store.read(keys[1]!);
    assert(Buffer.concat(await stream.toArray()).equals(LARGE));
    assert.deepEqual(await gateway.keys('uploads/'), []);
  });

  it('leaves no object and no part of an interrupted upload', async () => {
    const before = await gateway.keys();
    async function* dying(): AsyncGenerator<Uint8Array> {
      yield LARGE;
      await eventually(async () => (await unfinishedUploads(minio, 'images')) > 0);
      throw new Error('killed');
    }
    const root = Readable.from(dying(), { objectMode: false });
    await assert.rejects(client('/1.0/images', splitUpload(metadataTar('dies'), root)));
    await eventually(async () => (await unfinishedUploads(minio, 'images')) === 0);
    assert.deepEqual(await gateway.keys(), before);
  });
});
