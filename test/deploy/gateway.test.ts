import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

import { openS3Store } from '../../src/storage/s3/store.ts';
import {
  field,
  fingerprintOf,
  gatewayFixture,
  metadataTar,
  splitUpload,
  SQUASHFS,
  type GatewayFixture,
  type Talk,
} from '../support/servers/gateway-fixture.ts';
import { startMinistack } from '../support/aws/ministack.ts';

/** Longer than one part of a multipart upload. */
const LARGE = Buffer.concat([SQUASHFS, Buffer.alloc(40 * 1024 * 1024, 5)]);

describe('the gateway on the local AWS', () => {
  const resources = new AsyncDisposableStack();
  let gateway: GatewayFixture;
  let client: Talk;

  before(async () => {
    const aws = resources.use(await startMinistack());
    const trusted = getCACertificates('default');
    setDefaultCACertificates([...trusted, await readFile(aws.certificate, 'utf8')]);
    resources.defer(() => setDefaultCACertificates(trusted));
    await aws.aws(['s3', 'mb', 's3://gateway-images', '--region', 'us-east-1']);
    const accessKeyId = aws.environment['AWS_ACCESS_KEY_ID'] ?? '';
    const secretAccessKey = aws.environment['AWS_SECRET_ACCESS_KEY'] ?? '';
    const store = openS3Store({
      bucket: 'gateway-images',
      endpoint: aws.endpoint,
      credentials: { kind: 'keys', accessKeyId, secretAccessKey },
    });
    gateway = resources.use(await gatewayFixture({ on: store, rest: 3_600_000 }));
    client = await gateway.trusted();
  });
  after(() => resources.disposeAsync());

  it('stores an image of several parts whole, under the product of its alias', async () => {
    const metadata = metadataTar('cloud');
    const upload = splitUpload(metadata, LARGE);
    const headers = { ...upload.headers, 'x-incus-aliases': 'alias=a%2Fb%2Fcloud' };
    const reply = await client('/1.0/images', { ...upload, headers });
    assert.equal(reply.status, 202, reply.error);
    const fingerprint = field(reply, 'metadata', 'metadata', 'fingerprint');
    assert.equal(fingerprint, fingerprintOf(metadata, LARGE));
    const [first = '', second = ''] = await gateway.keys('images/a/b/amd64/cloud/');
    assert.match(first, /lxd\.tar\.xz$/);
    const { stream } = await gateway.store.read(second);
    assert.ok(Buffer.concat(await stream.toArray()).equals(LARGE));
  });
});
