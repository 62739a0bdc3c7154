import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { bytesOnDisk } from '../../support/stores/bytes-on-disk.ts';
import { eventually } from '../../support/eventually.ts';
import { faultyStore } from '../../support/stores/faulty-store.ts';
import {
  fingerprintOf,
  gatewayFixture,
  metadataTar,
  splitUpload,
  SQUASHFS,
  type Asking,
  type GatewayFixture,
} from '../../support/servers/gateway-fixture.ts';
import { startImageSource } from '../../support/images/image-source.ts';
import { METADATA_YAML, tarArchive } from '../../support/images/tar-archive.ts';

const METADATA = metadataTar();
const FINGERPRINT = fingerprintOf(METADATA, SQUASHFS);
const UNIFIED = gzipSync(
  tarArchive([
    { path: 'metadata.yaml', content: METADATA_YAML },
    { path: 'rootfs/' },
    { path: 'rootfs/x', content: SQUASHFS },
  ]),
);

const unified = (): Asking => ({
  body: Readable.from([UNIFIED], { objectMode: false }),
  headers: { 'content-type': 'application/octet-stream' },
});
const aliased = (asking: Asking): Asking => ({
  ...asking,
  headers: { ...asking.headers, 'x-incus-aliases': 'alias=a%2Fb%2Fc' },
});

async function isTold(gateway: GatewayFixture, times = 1): Promise<void> {
  const lines = await eventually(() => {
    const gone = gateway.logged.filter(({ message }) => message.startsWith('a client went'));
    return gone.length >= times && gone;
  });
  assert(lines.every(({ level }) => level === 'info'));
  assert.deepEqual(
    gateway.logged.filter(({ level }) => level === 'error'),
    [],
  );
}

describe('a client that is killed while the gateway fetches for it', () => {
  for (const aliases of [[], [{ name: 'a/b/c' }]]) {
    it(`publishes nothing ${aliases.length > 0 ? 'under its alias' : 'by its properties'}`, async () => {
      await using gateway = await gatewayFixture({ rest: 0, limits: { uploads: 1 } });
      const client = await gateway.trusted();
      const stalled = new Readable({ read: () => undefined });
      const { body, headers } = splitUpload(METADATA, stalled);
      await using source = await startImageSource(FINGERPRINT, () => ({ headers, body }));
      const killed = new AbortController();
      const json = {
        source: { type: 'image', mode: 'pull', server: source.url, fingerprint: FINGERPRINT },
        aliases,
      };
      Object.assign(json.source, { certificate: source.certificate });
      const pulling = client('/1.0/images', { json, signal: killed.signal });
      stalled.push(SQUASHFS.subarray(0, SQUASHFS.length - 1));
      await eventually(async () => (await bytesOnDisk(gateway.path)) >= SQUASHFS.length - 1);
      const queued = client('/1.0/images', { json, signal: killed.signal });
      killed.abort();
      await assert.rejects(pulling, { name: 'AbortError' });
      await assert.rejects(queued, { name: 'AbortError' });
      await eventually(() => !source.busy());
      await eventually(async () => (await gateway.keys()).length === 0);
      await isTold(gateway);
      await eventually(async () => (await bytesOnDisk(gateway.path)) < SQUASHFS.length / 2);
      // Its reservation is free, and its image can be uploaded again.
      const again = await client('/1.0/images', aliased(splitUpload(METADATA, SQUASHFS)));
      assert.equal(again.status, 202, again.error);
      assert.equal((await gateway.keys()).length, 2);
    });
  }

  it('stops the wait for a source that does not begin', async () => {
    await using gateway = await gatewayFixture({ rest: 0 });
    const client = await gateway.trusted();
    await using source = await startImageSource(FINGERPRINT, () => ({}));
    const killed = new AbortController();
    const { url: server, certificate } = source;
    const json = {
      source: { type: 'image', mode: 'pull', server, certificate, fingerprint: FINGERPRINT },
    };
    const pulling = client('/1.0/images', { json, signal: killed.signal });
    await eventually(source.busy);
    killed.abort();
    await assert.rejects(pulling, { name: 'AbortError' });
    await eventually(() => !source.busy());
    await isTold(gateway);
  });
});

describe('a client that is killed after its last byte and before the response', () => {
  const stored = 'its root is stored';
  const waits = 'it begins to wait';
  // With an alias, the root of a split image is stored at its final key at once.
  const uploads: readonly [string, () => Asking, readonly string[]][] = [
    ['with an alias', () => aliased(splitUpload(METADATA, SQUASHFS)), [stored]],
    ['without one', () => splitUpload(METADATA, SQUASHFS), [stored, waits]],
    ['of one file with an alias', () => aliased(unified()), [stored, waits]],
  ];
  for (const [what, upload, moments] of uploads) {
    for (const moment of moments) {
      it(`publishes nothing, when ${moment}, ${what}`, async () => {
        const killed = new AbortController();
        let signal: AbortSignal | undefined;
        const kill = async () => {
          if (killed.signal.aborted) return;
          killed.abort();
          assert(signal);
          if (!signal.aborted) await once(signal, 'abort');
        };
        const root = /rootfs\.squashfs$|lxd_combined\.tar\.gz$/;
        const wrap = (store: ObjectStore): ObjectStore => ({
          ...faultyStore(store, async ({ method, key }, at) => {
            if (at !== 'after') return;
            const record = method === 'write' && key.endsWith('upload.json');
            if (moment === waits ? record : method === 'upload' && root.test(key)) await kill();
          }),
        });
        await using gateway = await gatewayFixture({
          rest: what === 'without one' ? 0 : 3_600_000,
          wrap: (store) => {
            const faulty = wrap(store);
            return {
              ...faulty,
              upload: (key, body, options) => {
                if (root.test(key)) signal = options?.signal;
                return faulty.upload(key, body, options);
              },
            };
          },
        });
        const client = await gateway.trusted();
        const sending = client('/1.0/images', { ...upload(), signal: killed.signal });
        await assert.rejects(sending, { name: 'AbortError' });
        await isTold(gateway);
        await eventually(async () => (await gateway.keys()).length === 0);
        const asked = await client(`/1.0/images/${FINGERPRINT}`);
        assert.match(
          asked.error,
          /upload .*failed: the connection ended before the answer; nothing/,
        );
        const again = await client('/1.0/images', aliased(upload()));
        assert.equal(again.status, 202, again.error);
      });
    }
  }
});
