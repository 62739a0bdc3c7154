import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

import { parseProductPath } from '../../../src/images/layout.ts';
import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { placeVersion, type PlaceOptions } from '../../../src/publishing/place-version.ts';
import { recogniseFiles } from '../../../src/publishing/recognise.ts';
import { PlacementError } from '../../../src/publishing/reservation.ts';
import { METADATA_YAML, tarArchive } from '../../support/images/tar-archive.ts';

const PRODUCT = parseProductPath('iats/xenial/amd64/default')!;
const PREFIX = 'images/iats/xenial/amd64/default/';
const NOON = Date.UTC(2018, 6, 16, 12, 0, 59);

describe('placeVersion', () => {
  let folder: string;
  let count = 0;
  let metadata: string;
  let squashfs: string;
  let qcow2: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'place-version-'));
    metadata = await file('m', tarArchive([{ path: 'metadata.yaml', content: METADATA_YAML }]));
    squashfs = await file('s', Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(70_000, 7)]));
    qcow2 = await file('q', Buffer.concat([Buffer.from('QFI\u00fb', 'latin1'), Buffer.alloc(900)]));
  });
  after(() => rm(folder, { recursive: true }));

  async function file(name: string, bytes: Uint8Array): Promise<string> {
    await writeFile(join(folder, name), bytes);
    return join(folder, name);
  }
  async function freshStore(): Promise<ObjectStore> {
    const path = join(folder, `store-${count++}`);
    await mkdir(path);
    return openDirectoryStore({ path });
  }
  async function place(store: ObjectStore, paths: string[], more: Partial<PlaceOptions> = {}) {
    return placeVersion(store, {
      product: PRODUCT,
      files: await recogniseFiles(paths),
      now: NOON,
      ...more,
    });
  }
  async function keys(store: ObjectStore): Promise<string[]> {
    const found: string[] = [];
    for await (const { key } of store.list(PREFIX)) found.push(key.slice(PREFIX.length));
    return found;
  }

  it('names it by the minute, then by numbers, and stores metadata last', async () => {
    await withStore(await freshStore(), async (store) => {
      const stored: string[] = [];
      const onProgress = (_: number, name: string) => {
        if (stored.at(-1) !== name) stored.push(name);
      };
      const first = await place(store, [metadata, squashfs], { onProgress });
      assert.equal(first.ref.version, '20180716_1200');
      assert.deepEqual(stored, ['rootfs.squashfs', 'lxd.tar.xz']);
      const second = await place(store, [metadata, squashfs]);
      assert.equal(second.ref.version, '20180716_1200-2');
      const both = await Promise.all([1, 2, 3, 4].map(() => place(store, [metadata, squashfs])));
      assert.equal(new Set(both.map(({ ref }) => ref.version)).size, 4);
      assert.deepEqual((await keys(store)).slice(0, 2), [
        '20180716_1200-2/lxd.tar.xz',
        '20180716_1200-2/rootfs.squashfs',
      ]);
    });
  });

  it('returns the fingerprint that clients compute', async () => {
    await withStore(await freshStore(), async (store) => {
      const { fingerprints } = await place(store, [squashfs, metadata, qcow2]);
      const combined = async (root: string) =>
        createHash('sha256')
          .update(await readFile(metadata))
          .update(await readFile(root))
          .digest('hex');
      assert.deepEqual(fingerprints, {
        'rootfs.squashfs': await combined(squashfs),
        'disk.qcow2': await combined(qcow2),
      });
    });
  });

  it('stores a virtual machine of one file as two files, and once', async () => {
    const entries = [
      { path: 'metadata.yaml', content: METADATA_YAML },
      { path: 'rootfs.img', content: await readFile(qcow2) },
      { path: 'templates/x', content: 'x' },
    ];
    const whole = await file('vm', gzipSync(tarArchive(entries)));
    await withStore(await freshStore(), async (store) => {
      const version = '20180716';
      const { fingerprints } = await place(store, [whole], { version });
      const [disk, beside] = await Promise.all(
        ['disk.qcow2', 'lxd.tar.xz'].map(async (name) => {
          const { stream } = await store.read(`${PREFIX}${version}/${name}`);
          return Buffer.concat(await stream.toArray());
        }),
      );
      assert(disk!.equals(await readFile(qcow2)));
      const combined = createHash('sha256').update(beside!).update(disk!).digest('hex');
      assert.deepEqual(fingerprints, { 'disk.qcow2': combined });
      const again = await place(store, [whole], { version });
      assert.deepEqual([again.stored, again.kept], [[], ['lxd.tar.xz', 'disk.qcow2']]);
    });
  });

  it('adds missing files to a named version, and continues an interrupted one', async () => {
    await withStore(await freshStore(), async (store) => {
      const version = '20180716_12:00';
      const early = await place(store, [squashfs], { version });
      assert.match(early.incomplete!, /no metadata/);
      const whole = await place(store, [metadata, squashfs], { version });
      assert.deepEqual(whole.kept, ['rootfs.squashfs']);
      assert.equal(whole.incomplete, undefined);
      const later = await place(store, [qcow2], { version });
      assert.deepEqual(Object.keys(later.fingerprints), ['disk.qcow2']);
      assert.deepEqual(await keys(store), [
        `${version}/disk.qcow2`,
        `${version}/lxd.tar.xz`,
        `${version}/rootfs.squashfs`,
      ]);
    });
  });

  it('replaces only with force, and changes nothing before it rejects', async () => {
    await withStore(await freshStore(), async (store) => {
      const version = '20180716';
      await place(store, [metadata, squashfs], { version });
      const other = await file('o', Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(99, 1)]));
      await assert.rejects(place(store, [qcow2, other], { version }), PlacementError);
      assert.deepEqual(await keys(store), [`${version}/lxd.tar.xz`, `${version}/rootfs.squashfs`]);
      await place(store, [other], { version, force: true });
      const info = await store.stat(`${PREFIX}${version}/rootfs.squashfs`);
      assert.equal(info?.size, 103);
    });
  });

  it('rejects half an image without a version, invalid versions and removed versions', async () => {
    await withStore(await freshStore(), async (store) => {
      await assert.rejects(place(store, [squashfs]), /no metadata/);
      await assert.rejects(place(store, [metadata]), /no root/);
      await assert.rejects(place(store, [metadata], { version: 'today' }), /does not start with/);
      await assert.rejects(place(store, [metadata], { version: '2018/7' }), PlacementError);
      await store.write(`${PREFIX}20180101/removed.json`, Buffer.from('{}'));
      await assert.rejects(place(store, [metadata], { version: '20180101' }), /was removed/);
      assert.deepEqual(await keys(store), ['20180101/removed.json']);
    });
  });

  it('leaves nothing behind when it is interrupted', async () => {
    await withStore(await freshStore(), async (store) => {
      const abort = new AbortController();
      const onProgress = (_: number, name: string) => {
        if (name === 'rootfs.squashfs') abort.abort(new Error('enough'));
      };
      const files = [metadata, squashfs, qcow2];
      await assert.rejects(place(store, files, { onProgress, signal: abort.signal }));
      assert.deepEqual(await keys(store), []);
    });
  });
});

async function withStore(store: ObjectStore, use: (store: ObjectStore) => Promise<void>) {
  try {
    await use(store);
  } finally {
    await store.close();
  }
}
