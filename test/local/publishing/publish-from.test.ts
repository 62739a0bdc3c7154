import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { publishFrom, type PublishFromOptions } from '../../../src/publishing/publish-from.ts';
import { cliOutput } from '../../support/cli.ts';
import {
  fakeInstanceServer,
  type FakeOptions,
} from '../../support/servers/fake-instance-server.ts';
import { fingerprintOf, metadataTar, SQUASHFS } from '../../support/servers/gateway-fixture.ts';
import { METADATA_YAML, tarArchive } from '../../support/images/tar-archive.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const METADATA = metadataTar('from');
const DISK = Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), Buffer.alloc(100_000, 1)]);
const UNIFIED = gzipSync(
  tarArchive([
    { path: 'metadata.yaml', content: METADATA_YAML },
    { path: 'rootfs/' },
    { path: 'rootfs/x', content: SQUASHFS },
  ]),
);
const MACHINE = gzipSync(
  tarArchive([
    { path: 'metadata.yaml', content: METADATA_YAML },
    { path: 'rootfs.img', content: DISK },
    { path: 'templates/x', content: 'x' },
  ]),
);
const SPLIT = [METADATA, SQUASHFS] as const;
const FINGERPRINT = fingerprintOf(...SPLIT);

/**
 * A fake source, a store, and a `publish` from the source to the store. The default image is the
 * first of the source.
 */
async function fixture(options: FakeOptions) {
  const resources = new AsyncDisposableStack();
  const { path } = resources.use(await temporaryFolder());
  const server = resources.use(await fakeInstanceServer(options));
  const data = join(path, 'data');
  const store = await openDirectoryStore({ path: data });
  resources.defer(() => store.close());
  const source = { kind: options.kind ?? 'lxd', address: { socketPath: server.socketPath } };
  return {
    server,
    publish: (asked: Partial<PublishFromOptions> = {}, to: ObjectStore = store) =>
      publishFrom(to, {
        source,
        name: server.fingerprints()[0] ?? '',
        now: Date.UTC(2024, 0, 2, 3, 4),
        ...asked,
      }),
    store,
    index: () => cliOutput(['update', '--store', `file:${data}`]),
    keys: async () => (await Array.fromAsync(store.list(''))).map(({ key }) => key),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

describe('publish from an instance server', () => {
  it('takes product and version from the properties, for a part of the fingerprint', async () => {
    const properties = { serial: '20230405_06:07', variant: 'Vim', release: '9' };
    await using from = await fixture({ images: [{ files: SPLIT, properties }] });
    await from.publish({ name: FINGERPRINT.slice(0, 12) });
    const folder = 'images/busybox/9/amd64/vim/20230405_06:07';
    assert.deepEqual(await from.keys(), [`${folder}/lxd.tar.xz`, `${folder}/rootfs.squashfs`]);
  });

  it('takes a virtual machine, and an image of one file', async () => {
    const folder = 'images/busybox/static/amd64/default/20240102_0304';
    await using machine = await fixture({ images: [{ files: [METADATA, DISK] }] });
    await machine.publish();
    assert.deepEqual(await machine.keys(), [`${folder}/disk.qcow2`, `${folder}/lxd.tar.xz`]);
    await using whole = await fixture({ images: [{ files: UNIFIED }] });
    await whole.publish();
    assert.deepEqual(await whole.keys(), [`${folder}/lxd_combined.tar.gz`]);
    await using both = await fixture({ images: [{ files: MACHINE }] });
    await both.publish();
    assert.deepEqual(await both.keys(), [`${folder}/disk.qcow2`, `${folder}/lxd.tar.xz`]);
  });

  it('rejects bytes with another fingerprint, and leaves nothing', async () => {
    for (const files of [SPLIT, UNIFIED, MACHINE]) {
      const images = [{ files, fingerprint: 'f'.repeat(64) }];
      await using from = await fixture({ images });
      await assert.rejects(from.publish(), /fingerprint is [0-9a-f]{64}, not f{64}/);
      assert.deepEqual(await from.keys(), []);
    }
  });

  const sources = { 'rootfs.squashfs': SPLIT, 'disk.qcow2': MACHINE };
  for (const [file, files] of Object.entries(sources)) {
    it(`does nothing for a ${file} that is already published, and rejects it under another name`, async () => {
      await using from = await fixture({ images: [{ files }] });
      const first = await from.publish();
      await from.index();
      const keys = await from.keys();
      const again = await from.publish({ product: first.ref.product });
      assert.deepEqual(again.ref, first.ref);
      assert.deepEqual(again.fingerprints, first.fingerprints);
      assert.deepEqual([again.stored, again.kept], [[], [file]]);
      const other = { ...first.ref.product, variant: 'other' };
      const reason = /already published as busybox:static:amd64:default 20240102_0304/;
      await assert.rejects(from.publish({ product: other }), reason);
      await assert.rejects(from.publish({ version: '20250101' }), reason);
      assert.deepEqual(await from.keys(), keys);
    });
  }
});

describe('publish of an instance', () => {
  const product = { os: 'a', release: 'b', arch: 'amd64', variant: 'c' };
  const instances = { box: { files: SPLIT, snapshots: ['then'] } };

  it('does nothing for an image that is already published, and rejects it under another name', async () => {
    for (const kind of ['lxd', 'incus'] as const) {
      await using from = await fixture({ kind, instances });
      const first = await from.publish({ name: 'box', product });
      await from.index();
      const keys = await from.keys();
      for (const name of ['box', 'box/then']) {
        const again = await from.publish({ name, product });
        assert.deepEqual(again.ref, first.ref);
        assert.deepEqual([again.stored, again.kept], [[], ['rootfs.squashfs']]);
        const reason = /already published as a:b:amd64:c 20240102_0304/;
        const other = { ...product, variant: 'other' };
        await assert.rejects(from.publish({ name, product: other }), reason);
        await assert.rejects(from.publish({ name, product, version: '20250101' }), reason);
      }
      assert.deepEqual(await from.keys(), keys);
      assert.deepEqual(from.server.fingerprints(), []);
    }
  });

  it('takes the image that the source already has of it, and leaves it there', async () => {
    for (const kind of ['lxd', 'incus'] as const) {
      await using from = await fixture({ kind, instances, images: [{ files: SPLIT }] });
      const placed = await from.publish({ name: 'box', product });
      assert.deepEqual(placed.fingerprints, { 'rootfs.squashfs': FINGERPRINT });
      assert.deepEqual(from.server.fingerprints(), [FINGERPRINT]);
    }
  });

  it('shows what to do when the instance runs', async () => {
    await using from = await fixture({
      instances: { box: { files: SPLIT, status: 'Running', snapshots: ['then'] } },
    });
    await assert.rejects(from.publish({ name: 'box', product }), {
      message:
        'the instance box is running; stop it with `lxc stop box`, or take a snapshot of it and publish that, as box/SNAPSHOT',
    });
    await from.publish({ name: 'box/then', product });
  });

  it('shows what was stored when the source keeps the image', async () => {
    await using from = await fixture({ instances });
    from.server.refuse('it is in use');
    await assert.rejects(from.publish({ name: 'box', product }), {
      message: `images/a/b/amd64/c/20240102_0304/ is stored; but the image ${FINGERPRINT} that was made for it on the source is there still (it is in use); delete it with \`lxc image delete ${FINGERPRINT}\``,
    });
    assert.equal((await from.keys()).length, 2);
    await assert.rejects(
      from.publish({ name: 'box', product, version: '20240102_0304' }),
      /is there already; .*--force$/,
    );
  });
});

describe('the name of an image on an instance server', () => {
  const product = { os: 'a', release: 'b', arch: 'amd64', variant: 'c' };
  const [one, two] = [`1${'a'.repeat(63)}`, `12${'b'.repeat(62)}`];
  const machine = { files: [METADATA, DISK] as const };

  it('may be any unique beginning of its fingerprint, in any case', async () => {
    const other = { files: UNIFIED, fingerprint: `${FINGERPRINT.slice(0, 1)}${'0'.repeat(63)}` };
    await using from = await fixture({ images: [other, { files: SPLIT }] });
    const name = FINGERPRINT.slice(0, 3).toUpperCase();
    const placed = await from.publish({ name, product });
    assert.deepEqual(placed.fingerprints, { 'rootfs.squashfs': FINGERPRINT });
    const images = [one, two].map((fingerprint) => ({ files: UNIFIED, fingerprint }));
    await using several = await fixture({ images });
    await assert.rejects(several.publish({ name: '1', product }), {
      message: `the fingerprints of 2 images begin with "1": ${one}, ${two}; give more of it`,
    });
  });

  it('is rejected when an image and an instance, or a snapshot, have it', async () => {
    for (const [name, noun] of [
      ['box', 'an instance'],
      ['box/then', 'a snapshot'],
    ] as const) {
      const images = [{ files: SPLIT, alias: name }];
      const instances = { box: { ...machine, snapshots: ['then'] } };
      await using from = await fixture({ images, instances });
      await assert.rejects(from.publish({ name, product }), {
        message: `both an image and ${noun} are called "${name}" there; for the image give its fingerprint (--from lxd:${FINGERPRINT.slice(0, 12)}), for the other add --instance`,
      });
      assert.deepEqual(await from.keys(), []);
      const instance = await from.publish({ name, product, instance: true });
      assert.deepEqual(Object.keys(instance.fingerprints), ['disk.qcow2']);
      const image = await from.publish({ name: FINGERPRINT.slice(0, 12), product });
      assert.deepEqual(Object.keys(image.fingerprints), ['rootfs.squashfs']);
    }
  });

  it('means an instance before the beginning of a fingerprint', async () => {
    const name = FINGERPRINT.slice(0, 2);
    const instances = { [name]: machine };
    await using from = await fixture({ images: [{ files: SPLIT }], instances });
    const placed = await from.publish({ name, product });
    assert.deepEqual(Object.keys(placed.fingerprints), ['disk.qcow2']);
  });

  it('is reported as unknown when it is mistyped', async () => {
    await using from = await fixture({ images: [{ files: SPLIT, alias: 'box' }] });
    const far = { kind: 'incus' as const, remote: 'far', project: 'web' };
    const source = { ...far, address: { socketPath: from.server.socketPath } };
    await assert.rejects(from.publish({ source, name: 'bxo', product }), {
      message:
        'the source has neither an image of the alias or fingerprint "bxo" nor an instance of that name; see `incus image list far: --project web` and `incus list far: --project web`',
    });
    await assert.rejects(from.publish({ name: 'box', product, instance: true }), {
      message: 'the source does not have an instance "box"; see `lxc list`',
    });
  });
});
