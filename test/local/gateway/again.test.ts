import assert from 'node:assert/strict';
import { dirname } from 'node:path/posix';
import { describe, it } from 'node:test';

import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { removeVersions } from '../../../src/pipeline/removal/remove-versions.ts';
import { targetOfPrefix } from '../../../src/pipeline/indexing/targets.ts';
import {
  fingerprintOf,
  gatewayFixture,
  metadataTar,
  splitUpload,
  SQUASHFS,
  type GatewayFixture,
} from '../../support/servers/gateway-fixture.ts';
import { storedVersion, testContext } from '../../support/stores/pipeline-fixture.ts';

const METADATA = metadataTar();
const FINGERPRINT = fingerprintOf(METADATA, SQUASHFS);

/** A gateway that has published the image: both files of a version are stored, but not indexed. */
async function withImage(gateway: GatewayFixture) {
  const client = await gateway.trusted();
  const send = (alias: string) => {
    const { body, headers } = splitUpload(METADATA, SQUASHFS);
    const named = { ...headers, 'x-lxd-aliases': `alias=${alias}` };
    return client('/1.0/images', { ...(body && { body }), headers: named });
  };
  assert.equal((await send('a/b/c')).status, 202);
  const [key = ''] = await gateway.keys('images/');
  const prefix = `${dirname(key)}/`;
  const context = testContext(gateway.store);
  const target = targetOfPrefix(prefix);
  assert(target?.kind === 'version');
  return {
    client,
    prefix,
    again: () => send('a/b/c'),
    index: () => indexVersions(context, [prefix]),
    remove: () => removeVersions(context, [{ ref: target.ref }]),
    state: async () => (await storedVersion(gateway.store, prefix))?.state,
  };
}

describe('an image that was uploaded before', () => {
  it('exists until it is removed, indexed or not', async () => {
    await using gateway = await gatewayFixture();
    const image = await withImage(gateway);
    assert.match((await image.again()).error, /same fingerprint already exists/);
    assert.match((await image.again()).error, /same fingerprint already exists/);
    await image.index();
    assert.equal(await image.state(), 'published');
    assert.match((await image.again()).error, /same fingerprint already exists/);
    assert.equal((await gateway.keys('images/')).length, 2);
  });

  for (const indexed of [false, true]) {
    const when = indexed ? 'after it was indexed' : 'before it was indexed';
    it(`can be uploaded again after its client removed it, ${when}`, async () => {
      await using gateway = await gatewayFixture();
      const image = await withImage(gateway);
      if (indexed) await image.index();
      const gone = await image.client(`/1.0/images/${FINGERPRINT}`, { method: 'DELETE' });
      assert.equal(gone.status, 202, gone.error);
      assert.equal((await image.again()).status, 202);
      assert.match((await image.again()).error, /same fingerprint already exists/);
    });

    it(`can be uploaded again after it was removed without the gateway, ${when}`, async () => {
      await using gateway = await gatewayFixture();
      const image = await withImage(gateway);
      if (indexed) await image.index();
      await image.remove();
      assert.equal((await image.again()).status, 202);
    });
  }

  it('can be uploaded again after it was rejected', async () => {
    await using gateway = await gatewayFixture();
    const image = await withImage(gateway);
    const sums = `${'0'.repeat(64)}  rootfs.squashfs\n`;
    await gateway.store.write(`${image.prefix}SHA256SUMS`, Buffer.from(sums));
    await image.index();
    assert.equal(await image.state(), 'rejected');
    assert.equal((await image.again()).status, 202);
  });
});
