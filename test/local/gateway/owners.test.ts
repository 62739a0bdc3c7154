import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';

import { eventually } from '../../support/eventually.ts';
import { faultyStore } from '../../support/stores/faulty-store.ts';
import {
  field,
  fingerprintOf,
  gatewayFixture,
  metadataTar,
  splitUpload,
  SQUASHFS,
  type Talk,
} from '../../support/servers/gateway-fixture.ts';

const NEVER = 3_600_000;
const METADATA = metadataTar();
const FINGERPRINT = fingerprintOf(METADATA, SQUASHFS);

function listed(reply: Awaited<ReturnType<Talk>>): string[] {
  const images = field(reply, 'metadata') as { readonly fingerprint: string }[];
  return images.map(({ fingerprint }) => fingerprint);
}

describe('an image that waits', () => {
  it('exists for its client only', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const [owner, other] = [await gateway.trusted(), await gateway.trusted(['other/*'])];
    assert.equal((await owner('/1.0/images', splitUpload(METADATA, SQUASHFS))).status, 202);
    const before = await gateway.keys();
    assert.deepEqual(listed(await owner('/1.0/images?recursion=1')), [FINGERPRINT]);
    assert.deepEqual(listed(await other('/1.0/images?recursion=1')), []);
    const path = `/1.0/images/${FINGERPRINT}`;
    assert.equal((await other(path)).status, 404);
    assert.equal((await other(path, { method: 'DELETE' })).status, 404);
    for (const name of ['nonsense', 'other/1/vim']) {
      const named = await other('/1.0/images/aliases', { json: { name, target: FINGERPRINT } });
      assert.deepEqual([named.status, named.error], [404, 'Image not found']);
    }
    assert.deepEqual(await gateway.keys(), before);
    assert.equal((await owner(path)).status, 200);
    assert.equal((await owner(path, { method: 'DELETE' })).status, 202);
    assert.deepEqual(await gateway.keys(), []);
  });

  it('belongs to the client that announced the push', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const [owner, other] = [await gateway.trusted(), await gateway.trusted()];
    const pushed = await push(gateway.stranger, await announce(owner));
    assert.equal(pushed.status, 202, pushed.error);
    const json = { name: 'a/b/c', target: FINGERPRINT };
    assert.equal((await other('/1.0/images/aliases', { json })).status, 404);
    assert.equal((await owner('/1.0/images/aliases', { json })).status, 200);
    assert.equal((await gateway.keys('images/a/b/amd64/c/')).length, 2);
  });
});

describe('a client whose trust is removed', () => {
  it('gets its waiting image discarded instead of published', async () => {
    const gone = Promise.withResolvers<undefined>();
    await using gateway = await gatewayFixture({
      rest: 0,
      wrap: (store) => ({
        ...faultyStore(store, () => undefined),
        // The wait of the image begins when this returns.
        write: async (key, body, options) => {
          const info = await store.write(key, body, options);
          if (key.endsWith('upload.json')) {
            await gateway.trust.remove('leaver');
            gone.resolve(undefined);
          }
          return info;
        },
      }),
    });
    const client = await gateway.trusted([], 'leaver');
    assert.equal((await client('/1.0/images', splitUpload(METADATA, SQUASHFS))).status, 202);
    await gone.promise;
    await eventually(async () => (await gateway.keys()).length === 0);
    assert(gateway.logged.some(({ message }) => message.startsWith('discarded an uploaded image')));
  });

  it('cannot push what it announced, nor finish what it began', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted([], 'leaver');
    const secret = await announce(client);
    const held = new Readable({ read: () => undefined });
    held.push(SQUASHFS);
    const upload = splitUpload(metadataTar('begun'), held);
    const begun = client('/1.0/images', {
      ...upload,
      headers: { ...upload.headers, 'x-lxd-aliases': 'a/b/c' },
    });
    await eventually(async () => (await gateway.keys('uploads/claims/')).length > 0);
    await gateway.trust.remove('leaver');
    held.push(null);
    for (const reply of [await begun, await push(gateway.stranger, secret)]) {
      assert.deepEqual([reply.status, reply.error], [403, 'not authorized']);
    }
    assert.deepEqual(await gateway.keys(), []);
  });

  it('loses its unused tokens', async () => {
    await using gateway = await gatewayFixture();
    const expiresAt = new Date(Date.now() + NEVER).toISOString();
    const token = (name: string) => gateway.trust.createToken({ name, allow: [], expiresAt });
    const [leaver, other] = [await token('leaver'), await token('other')];
    const { clients, tokens } = await gateway.trust.remove('leaver');
    assert.deepEqual([clients, tokens], [[], [{ name: 'leaver', allow: [], expiresAt }]]);
    const client = await gateway.newClient();
    const join = (password: string) => client('/1.0/certificates', { json: { password } });
    assert.equal((await join(leaver)).status, 403);
    assert.equal((await join(other)).status, 200);
  });
});

async function announce(client: Talk): Promise<string> {
  const json = { source: { type: 'image', mode: 'push', fingerprint: FINGERPRINT } };
  return field(await client('/1.0/images', { json }), 'metadata', 'metadata', 'secret') as string;
}

function push(stranger: Talk, secret: string): ReturnType<Talk> {
  const { body, headers } = splitUpload(METADATA, SQUASHFS);
  const withSecret = { ...headers, 'x-lxd-secret': secret };
  return stranger('/1.0/images', { ...(body && { body }), headers: withSecret });
}
