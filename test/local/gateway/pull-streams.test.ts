import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import {
  fingerprintOf,
  gatewayFixture,
  metadataTar,
  SQUASHFS,
} from '../../support/servers/gateway-fixture.ts';
import { startPublicUpstream, type UpstreamFiles } from '../../support/servers/public-upstream.ts';

const METADATA = metadataTar();
const FINGERPRINT = fingerprintOf(METADATA, SQUASHFS);

/** The files of a server with one image; `rootPath` may be another path. */
function oneImage(rootPath = 'files/root'): UpstreamFiles {
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const item = (ftype: string, path: string, body: Buffer) => ({
    ftype,
    path,
    size: body.length,
    sha256: fingerprintOf(body),
  });
  const metadata = item('lxd.tar.xz', 'files/metadata', METADATA);
  const items = {
    metadata: { ...metadata, combined_squashfs_sha256: FINGERPRINT },
    root: item('squashfs', rootPath, SQUASHFS),
  };
  const product = { aliases: 'up', arch: 'amd64', os: 'Up', release: '1', variant: 'default' };
  const products = { 'up:1:amd64:default': { ...product, versions: { '20240101': { items } } } };
  const images = { datatype: 'image-downloads', path: 'streams/v1/images.json', products: ['up'] };
  return new Map([
    ['streams/v1/index.json', json({ format: 'index:1.0', index: { images } })],
    ['streams/v1/images.json', json({ format: 'products:1.0', products })],
    ['files/metadata', METADATA],
    ['files/root', SQUASHFS],
  ]);
}

async function scene(t: TestContext, files = oneImage()) {
  const upstream = await startPublicUpstream(files);
  t.after(() => upstream.close());
  const gateway = await gatewayFixture();
  t.after(() => gateway[Symbol.asyncDispose]());
  const client = await gateway.trusted();
  const pull = (source: object) =>
    client('/1.0/images', {
      json: {
        source: {
          type: 'image',
          mode: 'pull',
          protocol: 'simplestreams',
          server: upstream.url,
          certificate: upstream.certificate,
          ...source,
        },
        aliases: [{ name: 'copied/1/amd64/default' }],
      },
    });
  return { upstream, gateway, pull };
}

describe('a pull from a simplestreams server', () => {
  it('takes the image of an alias, with the certificate that the client names', async (t) => {
    const { upstream, gateway, pull } = await scene(t);
    const reply = await pull({ alias: 'up' });
    assert.equal(reply.status, 202, reply.error);
    const keys = await gateway.keys('images/copied/');
    assert.deepEqual(
      keys.map((key) => key.split('/').at(-1)),
      ['lxd.tar.xz', 'rootfs.squashfs'],
    );
    assert.deepEqual(upstream.requests, [
      'streams/v1/index.json',
      'streams/v1/images.json',
      'files/metadata',
      'files/root',
    ]);
  });

  it('takes nothing from a server with another certificate', async (t) => {
    const { upstream, gateway, pull } = await scene(t);
    const other = await startPublicUpstream(new Map());
    t.after(() => other.close());
    for (const certificate of ['', other.certificate]) {
      const reply = await pull({ alias: 'up', certificate });
      assert.equal(reply.status, 502, reply.error);
      assert.match(reply.error, /certificate/);
    }
    assert.deepEqual(upstream.requests, []);
    assert.deepEqual(await gateway.keys(), []);
  });

  it('uses https only, whatever a list names', async (t) => {
    const { gateway, pull } = await scene(t, oneImage('http://127.0.0.1:9/root'));
    for (const [source, reason] of [
      [{ server: 'http://127.0.0.1:9' }, /is no https URL/],
      [{ server: 'here' }, /is no https URL/],
      [{}, /http:\/\/127\.0\.0\.1:9\/root is not https/],
    ] as const) {
      const reply = await pull({ alias: 'up', ...source });
      assert.equal(reply.status, 502, reply.error);
      assert.match(reply.error, reason);
    }
    assert.deepEqual(await gateway.keys(), []);
  });

  it('reports what the server lacks', async (t) => {
    const { pull } = await scene(t);
    const missing = await pull({ alias: 'nothing/here' });
    assert.equal(missing.status, 502);
    assert.match(missing.error, /has no image "nothing\/here"/);
    const files = oneImage();
    files.delete('files/root');
    const { gateway, pull: pullHalf } = await scene(t, files);
    const half = await pullHalf({ fingerprint: FINGERPRINT });
    assert.equal(half.status, 502, half.error);
    assert.match(half.error, /files\/root is not there/);
    assert.deepEqual(await gateway.keys(), []);
  });
});
