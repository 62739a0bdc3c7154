import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';
import { Readable } from 'node:stream';
import { connect } from 'node:tls';
import { describe, it } from 'node:test';

import { owned, type Chunks } from '../../../src/bytes/borrowed-chunks.ts';
import { StoreError } from '../../../src/storage/errors.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { bytesOnDisk } from '../../support/stores/bytes-on-disk.ts';
import { eventually } from '../../support/eventually.ts';
import { faultyStore } from '../../support/stores/faulty-store.ts';
import {
  field,
  fingerprintOf,
  gatewayFixture,
  metadataTar,
  splitUpload,
  SQUASHFS,
  type Asking,
} from '../../support/servers/gateway-fixture.ts';

const NEVER = 3_600_000;
const MIB = 1024 * 1024;
const METADATA = metadataTar();
const LARGE = Buffer.concat([SQUASHFS, Buffer.alloc(16 * MIB, 5)]);

function aliased(asking: Asking, alias: string): Asking {
  const header = { 'x-incus-aliases': `alias=${encodeURIComponent(alias)}` };
  return { ...asking, headers: { ...asking.headers, ...header } };
}

/** The first bytes, then a pause until `then` resolves, then the rest. */
function pausing(bytes: Buffer, after: number, then: () => Promise<unknown>): Readable {
  async function* pieces(): AsyncGenerator<Buffer> {
    yield bytes.subarray(0, after);
    await then();
    yield bytes.subarray(after);
  }
  return Readable.from(pieces(), { objectMode: false });
}

/** A store that is full after it took `capacity` bytes of one upload. */
function fullAfter(
  store: ObjectStore,
  capacity: number,
  seen: (bytes: number) => void,
): ObjectStore {
  // Only the body fails, not the call.
  const plain = faultyStore(store, () => undefined);
  async function* counted(body: Chunks): AsyncGenerator<Uint8Array> {
    let taken = 0;
    for await (const chunk of owned(body)) {
      taken += chunk.byteLength;
      seen(taken);
      if (taken > capacity) throw new StoreError('no_space', 'upload', `no room in ${store.url}`);
      yield chunk;
    }
  }
  return { ...plain, upload: (key, body, options) => store.upload(key, counted(body), options) };
}

describe('an upload whose sender', () => {
  it('disconnects with 99 % of it on the disk leaves nothing, and can start again', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const late = Math.floor(LARGE.length * 0.99);
    for (const to of [(upload: Asking) => upload, (upload: Asking) => aliased(upload, 'a/b/c')]) {
      let seen = 0;
      const dying = pausing(LARGE, late, async () => {
        seen = await eventually(async () => {
          const bytes = await bytesOnDisk(gateway.path);
          return bytes >= late && bytes;
        });
        throw new Error('killed');
      });
      await assert.rejects(client('/1.0/images', to(splitUpload(METADATA, dying))), /killed/);
      assert(seen >= late, String(seen));
      await eventually(async () => (await gateway.keys()).length === 0);
      await eventually(async () => (await bytesOnDisk(gateway.path)) < MIB);
    }
    const gone = await eventually(() => {
      const lines = gateway.logged.filter(({ message }) => message.startsWith('a client went'));
      return lines.length === 2 && lines;
    });
    assert.deepEqual(
      gone.map(({ level }) => level),
      ['info', 'info'],
    );
    assert(gone.every(({ fields }) => Number(fields['received']) >= late));
    assert(!gateway.logged.some(({ level }) => level === 'error'));
    const again = await client('/1.0/images', aliased(splitUpload(METADATA, LARGE), 'a/b/c'));
    assert.equal(again.status, 202, again.error);
  });

  it('sends nothing is cut', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER, limits: { idle: 50 } });
    const client = await gateway.trusted();
    const stalled = new Readable({ read: () => undefined });
    stalled.push(SQUASHFS);
    const reply = await client('/1.0/images', splitUpload(METADATA, stalled));
    assert.equal(reply.status, 408);
    assert.match(reply.error, /nothing came for 0.05 s/);
    stalled.destroy();
    assert.deepEqual(await gateway.keys(), []);
  });

  it('sends too slowly is cut', async () => {
    // The limits require a terabyte a second, and no silence here is as long as half a second.
    const limits = { idle: 500, rate: 1e12 };
    await using gateway = await gatewayFixture({ rest: NEVER, limits });
    const client = await gateway.trusted();
    let cut = false;
    const trickle = new Readable({
      read(): void {
        setTimeout(() => this.push(cut ? null : SQUASHFS.subarray(0, 1024)), 5);
      },
    });
    trickle.unshift(SQUASHFS);
    const reply = await client('/1.0/images', splitUpload(METADATA, trickle));
    cut = true;
    assert.equal(reply.status, 408);
    assert.match(reply.error, /slower than 1000000000000 bytes a second/);
    assert.deepEqual(await gateway.keys(), []);
  });
});

describe('a response before the end of the body', () => {
  // The clients of LXD and Incus open a new connection each time.
  for (const wanted of ['keep-alive', 'close']) {
    it(`is not followed by a cut (${wanted}): a late reader still receives it`, async () => {
      await using gateway = await gatewayFixture({ rest: NEVER });
      const { hostname, port } = new URL(gateway.url);
      const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
      const answered = Promise.withResolvers<undefined>();
      socket.on('data', (chunk: Buffer) => {
        if (chunk.includes('not authorized')) answered.resolve(undefined);
      });
      const closed = once(socket, 'close');
      socket.on('error', answered.reject);
      const head = ['POST /1.0/images HTTP/1.1', 'Host: hub', `Connection: ${wanted}`];
      socket.write([...head, `Content-Length: ${LARGE.length}`, '', ''].join('\r\n'));
      socket.write(LARGE.subarray(0, MIB));
      await answered.promise;
      // No socket buffers this much, so the server has read the body.
      await new Promise<void>((resolve, reject) => {
        socket.end(LARGE.subarray(MIB), resolve);
        socket.once('error', reject);
      });
      const [byError] = (await closed) as [boolean];
      assert.equal(byError, false);
      assert.deepEqual(await gateway.keys(), []);
    });
  }
});

describe('a store that fails', () => {
  const calls = ['upload of the root', 'metadata', 'record'] as const;
  const parts = { 'upload of the root': 'rootfs.squashfs', metadata: 'lxd.tar.xz' };
  for (const call of calls) {
    it(`at the ${call}: returns an error without the store's address, and leaves nothing`, async () => {
      const part = call === 'record' ? 'upload.json' : parts[call];
      let broken = false;
      await using gateway = await gatewayFixture({
        rest: NEVER,
        wrap: (store) =>
          faultyStore(store, ({ method, key }, moment) => {
            if (moment !== 'before' || method === 'remove' || !key.endsWith(part)) return;
            broken = true;
            throw new StoreError('no_space', method, `no room for ${key} in ${store.url}`, { key });
          }),
      });
      const client = await gateway.trusted();
      const upload = splitUpload(METADATA, SQUASHFS);
      const reply = await client(
        '/1.0/images',
        call === 'record' ? upload : aliased(upload, 'a/b/c'),
      );
      assert.equal(reply.status, 507);
      assert.equal(reply.error, 'the store of the server is full; nothing was published');
      assert(broken);
      assert.deepEqual(await gateway.keys(), []);
      const told = gateway.logged.find(({ level }) => level === 'error');
      assert.match(String(told?.fields['message']), /no room for .* in file:/);
    });
  }

  it('in the middle of a body: returns an error, and again when the client then names the image', async () => {
    let taken = 0;
    await using gateway = await gatewayFixture({
      rest: NEVER,
      wrap: (store) => fullAfter(store, 8 * MIB, (bytes) => (taken = Math.max(taken, bytes))),
    });
    const [client, other] = [await gateway.trusted(), await gateway.trusted()];
    const fingerprint = fingerprintOf(METADATA, LARGE);
    const naming = { json: { name: 'a/b/c', target: fingerprint } };
    const full = /the store of the server is full/;
    const before = await client('/1.0/images/aliases', naming);
    assert.deepEqual([before.status, before.error], [404, 'Image not found']);
    for (const upload of [
      splitUpload(METADATA, LARGE),
      aliased(splitUpload(METADATA, LARGE), 'a/b/c'),
    ]) {
      const reply = await client('/1.0/images', upload);
      assert.equal(reply.status, 507);
      assert.match(reply.error, full);
      assert(taken > 8 * MIB && taken < LARGE.length, String(taken));
      taken = 0;
      assert.deepEqual(await gateway.keys(), []);
    }
    const named = await client('/1.0/images/aliases', naming);
    assert.equal(named.status, 404);
    assert.match(named.error, /^Image not found: the last upload of this client failed: the store/);
    assert.match((await client(`/1.0/images/${fingerprint}`)).error, full);
    assert.equal((await other('/1.0/images/aliases', naming)).error, 'Image not found');
  });

  it('when an image gets its product from its properties: retries later', async () => {
    let failures = 2;
    await using gateway = await gatewayFixture({
      rest: 0,
      wrap: (store) =>
        faultyStore(store, ({ method, key }, moment) => {
          if (moment !== 'before' || method === 'remove' || !key.endsWith('lxd.tar.xz')) return;
          if (failures > 0) {
            failures -= 1;
            throw new StoreError('unavailable', method, 'no answer', { key });
          }
        }),
    });
    const client = await gateway.trusted();
    assert.equal((await client('/1.0/images', splitUpload(METADATA, SQUASHFS))).status, 202);
    await eventually(async () => {
      const keys = await gateway.keys();
      return keys.length === 2 && keys.every((key) => key.startsWith('images/'));
    });
    assert.equal(failures, 0);
  });

  it('reports a failed push to the client that names its fingerprint', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const fingerprint = 'e'.repeat(64);
    const announced = await client('/1.0/images', {
      json: { source: { type: 'image', mode: 'push', fingerprint } },
    });
    const secret = field(announced, 'metadata', 'metadata', 'secret') as string;
    const upload = splitUpload(METADATA, SQUASHFS);
    const headers = { ...upload.headers, 'x-lxd-secret': secret };
    assert.equal((await gateway.stranger('/1.0/images', { ...upload, headers })).status, 400);
    const named = await client('/1.0/images/aliases', {
      json: { name: 'a/b/c', target: fingerprint },
    });
    assert.match(named.error, /^Image not found: its upload failed: the image's fingerprint is/);
    assert.equal((await client(`/1.0/images/${'d'.repeat(64)}`)).error, 'Image not found');
  });
});

describe('names and headers', () => {
  it('that are too long, too many or not encoded are rejected with the reason', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const long = 'o'.repeat(129);
    const upload = () => splitUpload(METADATA, SQUASHFS);
    const raw = (value: string) => {
      const asking = upload();
      return { ...asking, headers: { ...asking.headers, 'x-lxd-aliases': value } };
    };
    const aliases = (names: readonly string[]) =>
      raw(names.map((name) => `alias=${name}`).join('&'));
    const cases: readonly [Asking, RegExp][] = [
      [aliases([`${long}/1/vim`]), /the alias "o{100}…" names no product: .* at most 128 char/],
      [aliases([`${'o'.repeat(500)}/1/amd64/vim`]), /at most 128 characters/],
      [aliases(['x'.repeat(1025)]), /the alias "x{100}…" is longer than 1024 characters/],
      [aliases(Array.from({ length: 33 }, (_, n) => `a/${n}/c`)), /33 aliases; at most 32/],
      [raw('100%'), /the header of aliases has "100%", which is not percent-encoded/],
      [
        { json: { source: { mode: 'push' }, aliases: [{ name: 'x'.repeat(1025) }] } },
        /the field name is longer than 1024 characters/,
      ],
    ];
    for (const [asking, reason] of cases) {
      const reply = await client('/1.0/images', asking);
      assert.equal(reply.status, 400, reply.error);
      assert.match(reply.error, reason);
      assert(!/uploads\/|file:/.test(reply.error), reply.error);
    }
    const path = await client('/1.0/images/aliases/100%');
    assert.deepEqual(
      [path.status, path.error],
      [400, 'the path has "100%", which is not percent-encoded as it should be'],
    );
    assert.deepEqual(await gateway.keys(), []);
    const longest = aliases([`${'o'.repeat(128)}/1/vim`]);
    assert.equal((await client('/1.0/images', longest)).status, 202);
  });

  it('of a later alias are checked too, and the image is deleted', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    assert.equal((await client('/1.0/images', splitUpload(METADATA, SQUASHFS))).status, 202);
    const named = await client('/1.0/images/aliases', {
      json: { name: `${'o'.repeat(500)}/1/vim`, target: fingerprintOf(METADATA, SQUASHFS) },
    });
    assert.equal(named.status, 400);
    assert.match(named.error, /at most 128 characters/);
    assert.deepEqual(await gateway.keys(), []);
  });

  it('that exceed 16 KiB are rejected', async () => {
    await using gateway = await gatewayFixture();
    const status = await new Promise((resolve, reject) => {
      const headers = { 'x-lxd-properties': 'x'.repeat(17 * 1024) };
      https
        .get(gateway.url, { headers, rejectUnauthorized: false, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
        .on('error', reject);
    });
    assert.equal(status, 431);
  });
});

describe('many uploads', () => {
  it('of one fingerprint by two clients at once: one succeeds', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const clients = [await gateway.trusted(), await gateway.trusted()];
    // Both pause until most of both bodies is on the disk.
    const both = () =>
      eventually(async () => (await bytesOnDisk(gateway.path)) >= 2 * (LARGE.length - MIB));
    const replies = await Promise.all(
      clients.map((client, n) =>
        client(
          '/1.0/images',
          aliased(splitUpload(METADATA, pausing(LARGE, LARGE.length - MIB, both)), `a/${n}/c`),
        ),
      ),
    );
    assert.deepEqual(replies.map(({ status }) => status).sort(), [202, 409]);
    assert.match(
      replies.find(({ status }) => status === 409)!.error,
      /same fingerprint already exists/,
    );
    const keys = await gateway.keys();
    assert.equal(keys.length, 2, keys.join());
    const winner = replies.findIndex(({ status }) => status === 202);
    assert(
      keys.every((key) => key.startsWith(`images/a/${winner}/`)),
      keys.join(),
    );
  });

  it('announced by ten clients and pushed at once: all succeed, a few at a time', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const clients = await Promise.all(Array.from({ length: 10 }, () => gateway.trusted()));
    const root = LARGE.subarray(0, MIB);
    const announced = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const metadata = metadataTar(`image ${n}`);
        const fingerprint = fingerprintOf(metadata, root);
        const source = { type: 'image', mode: 'push', fingerprint };
        const json = { source, aliases: [{ name: `a/${n}/c` }] };
        const reply = await clients[n % 10]!('/1.0/images', { json });
        const secret = field(reply, 'metadata', 'metadata', 'secret') as string;
        return { metadata, secret, fingerprint };
      }),
    );
    const replies = await Promise.all(
      announced.map(({ metadata, secret }) => {
        const upload = splitUpload(metadata, root);
        const headers = { ...upload.headers, 'x-incus-secret': secret };
        return gateway.stranger('/1.0/images', { ...upload, headers });
      }),
    );
    assert.deepEqual(
      replies.map((reply) => field(reply, 'metadata', 'metadata', 'fingerprint')),
      announced.map(({ fingerprint }) => fingerprint),
    );
    const keys = await gateway.keys();
    assert.equal(keys.length, 100);
    for (const n of announced.keys()) {
      assert.equal(keys.filter((key) => key.startsWith(`images/a/${n}/amd64/c/`)).length, 2);
    }
  });

  it('beyond the queue: are rejected', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER, limits: { uploads: 1, queue: 1 } });
    const client = await gateway.trusted();
    const held = new Readable({ read: () => undefined });
    held.push(SQUASHFS);
    const first = client('/1.0/images', splitUpload(METADATA, held));
    const others = [1, 2].map((n) =>
      client('/1.0/images', splitUpload(metadataTar(String(n)), SQUASHFS)),
    );
    const turned = await Promise.race(others);
    assert.equal(turned.status, 503);
    held.push(null);
    const replies = await Promise.all([first, ...others]);
    assert.equal(replies.filter(({ status }) => status === 202).length, 2);
  });
});
