import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rename, rm, writeFile, mkdir, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { cliOutput, startServe, type Server } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { placeImage, randomImage, sha256, type ImageBytes } from '../support/images/image-files.ts';

const PRODUCT = 'busybox/1.36/amd64/default';
const NAME = 'busybox:1.36:amd64:default';

describe('serve on a directory', () => {
  let base: string;
  let store: string;
  const servers: Server[] = [];

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'serve-'));
    store = join(base, 'data');
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop('SIGKILL')));
    await rm(base, { recursive: true });
  });

  const serve = async (...args: string[]) => {
    const server = await startServe(store, args);
    servers.push(server);
    return server;
  };
  const fingerprintOf = async (server: Server, version: string, product = NAME) => {
    const items = (await server.images()).products[product]?.versions[version]?.items;
    return items?.['lxd.tar.xz']?.combined_squashfs_sha256;
  };
  const published = (server: Server, version: string, image: ImageBytes, product = NAME) =>
    eventually(async () => (await fingerprintOf(server, version, product)) === image.fingerprint);
  const gone = (server: Server, version: string) =>
    eventually(async () => (await fingerprintOf(server, version)) === undefined);

  it('prints only the URL on standard output, and serves an empty index at once', async () => {
    const server = await serve();
    assert.match(server.stdout(), /^https:\/\/127\.0\.0\.1:\d+\n$/);
    assert.deepEqual((await server.images()).products, {});
    const index = JSON.parse((await server.get('streams/v1/index.json')).toString()) as object;
    assert.ok('index' in index);
    const remote = (client: string) =>
      `${client} remote add bucketstreams ${server.url} --protocol=simplestreams`;
    assert.ok(server.stderr().includes(remote('lxc')));
    assert.ok(server.stderr().includes(remote('incus')));
    assert.match(server.stderr(), /update-ca-certificates/);
  });

  it('publishes files in any order of copying, and serves their bytes', async () => {
    const server = await serve();
    const [first, second] = [randomImage(), randomImage()];
    await placeImage(store, `${PRODUCT}/20250101_12:00`, first);
    await placeImage(store, `${PRODUCT}/20250102`, second, ['root', 'metadata']);
    await published(server, '20250101_12:00', first);
    await published(server, '20250102', second);
    const { items } = (await server.images()).products[NAME]!.versions['20250101_12:00']!;
    assert.deepEqual(await server.get(items['rootfs.squashfs']!.path), first.root);
    assert.equal(items['rootfs.squashfs']!.sha256, sha256(first.root));
  });

  it('does not index an incomplete file that is written slowly', async () => {
    const server = await serve('--settle', '2');
    const [slow, quick] = [randomImage(4000), randomImage()];
    const folder = await placeImage(store, `${PRODUCT}/20250101`, slow, ['metadata']);
    const file = await open(join(folder, 'rootfs.squashfs'), 'w');
    await file.write(slow.root.subarray(0, 1000));
    // While this image is published, the other file is still open and incomplete.
    await placeImage(store, `${PRODUCT}/20250102`, quick);
    for (let at = 1000; at < slow.root.length; at += 250) {
      await file.write(slow.root.subarray(at, at + 250));
      const { products } = await server.images();
      assert.equal(products[NAME]?.versions['20250101'], undefined);
    }
    await file.close();
    await published(server, '20250102', quick);
    await published(server, '20250101', slow);
    const log = server
      .stderr()
      .split('\n')
      .filter((line) => line.includes('20250101/rootfs'));
    assert.deepEqual(
      log.filter((line) => line.startsWith('read') && !line.includes(sha256(slow.root))),
      [],
    );
  });

  it('follows overwritten, deleted and moved files', async () => {
    const server = await serve();
    const [before, after, other] = [randomImage(), randomImage(), randomImage()];
    await placeImage(store, `${PRODUCT}/20250101`, before);
    await placeImage(store, `${PRODUCT}/20250102`, other);
    await published(server, '20250101', before);
    await published(server, '20250102', other);

    await placeImage(store, `${PRODUCT}/20250101`, after);
    await published(server, '20250101', after);

    const folder = join(store, 'images', PRODUCT);
    await rename(join(folder, '20250102'), join(folder, '20250103'));
    await published(server, '20250103', other);
    await gone(server, '20250102');

    await rm(join(folder, '20250101'), { recursive: true });
    await gone(server, '20250101');
    await published(server, '20250103', other);
  });

  it('lists a root that is added later to a published version', async () => {
    const server = await serve();
    const image = randomImage();
    const folder = await placeImage(store, `${PRODUCT}/20250101`, image);
    await published(server, '20250101', image);
    await writeFile(join(folder, 'disk.qcow2'), randomImage().root);
    await eventually(async () => {
      const items = (await server.images()).products[NAME]?.versions['20250101']?.items;
      return items?.['disk.qcow2'] !== undefined;
    });
    await published(server, '20250101', image);
  });

  it('publishes the valid versions beside invalid ones', async () => {
    const server = await serve();
    const good = randomImage();
    const images = join(store, 'images');
    await placeImage(store, `${PRODUCT}/latest`, randomImage());
    await placeImage(store, `bad name/1/amd64/default/20250101`, randomImage());
    await placeImage(store, `${PRODUCT}/20240101`, randomImage(), ['metadata']);
    await placeImage(store, `${PRODUCT}/20240102`, randomImage(), ['root']);
    const empty = await placeImage(store, `${PRODUCT}/20240103`, randomImage());
    await writeFile(join(empty, 'rootfs.squashfs'), '');
    const summed = await placeImage(store, `${PRODUCT}/20240104`, randomImage());
    await writeFile(join(summed, 'SHA256SUMS'), `${'0'.repeat(64)}  rootfs.squashfs\n`);
    await writeFile(join(images, PRODUCT, 'product.toml'), 'release_title = 7\n');
    await symlink(join(images, PRODUCT, '20240104'), join(images, PRODUCT, '20240105'));
    await mkdir(join(images, 'x/y/z'), { recursive: true });
    await writeFile(join(images, 'x/y/z/stray'), 'x');
    await placeImage(store, `${PRODUCT}/20250101`, good);
    await published(server, '20250101', good);

    const listed = async () => {
      const text = await cliOutput(['list', '--all', '--json', '--store', `file:${store}`]);
      const entries = JSON.parse(text) as {
        version: string | null;
        key?: string;
        state: string;
        reason: string | null;
      }[];
      return new Map(entries.map((entry) => [entry.key ?? entry.version, entry]));
    };
    await eventually(async () => {
      const entries = await listed();
      assert.equal(entries.get('20240101')?.state, 'incomplete');
      assert.equal(entries.get('20240102')?.state, 'incomplete');
      assert.notEqual(entries.get('20240103')?.state, 'published');
      assert.equal(entries.get('20240104')?.state, 'rejected');
      return true;
    });
    const entries = await listed();
    assert.equal(entries.get('20250101')?.state, 'published');
    assert.equal(entries.get('20240105'), undefined);
    for (const key of [
      'images/x/y/z/stray',
      `images/${PRODUCT}/latest/lxd.tar.xz`,
      'images/bad name/1/amd64/default/20250101/lxd.tar.xz',
    ]) {
      assert.equal(entries.get(key)?.state, 'refused', key);
    }
    for (const entry of entries.values()) {
      if (entry.state !== 'published') assert.ok(entry.reason, JSON.stringify(entry));
    }
    assert.deepEqual(Object.keys((await server.images()).products[NAME]!.versions), ['20250101']);
  });

  it('ends with 0 on SIGTERM and on SIGINT, during work too', async () => {
    const first = await serve();
    assert.equal((await first.stop('SIGINT')).code, 0);
    await placeImage(store, `${PRODUCT}/20250101`, randomImage(200_000_000));
    const second = await serve();
    assert.equal((await second.stop('SIGTERM')).code, 0);
    await assert.rejects(second.get('streams/v1/index.json'));
  });

  it('finds changes at its next start that were made while it was down', async () => {
    const first = await serve();
    const [kept, dropped, added] = [randomImage(), randomImage(), randomImage()];
    await placeImage(store, `${PRODUCT}/20250101`, kept);
    const folder = await placeImage(store, `${PRODUCT}/20250102`, dropped);
    await published(first, '20250102', dropped);
    await first.stop();
    await rm(folder, { recursive: true });
    await placeImage(store, `${PRODUCT}/20250103`, added);
    const second = await serve();
    await published(second, '20250103', added);
    await gone(second, '20250102');
    await published(second, '20250101', kept);
  });

  it('publishes a complete tree that is moved in', async () => {
    const server = await serve();
    const image = randomImage();
    await placeImage(base, `${PRODUCT}/20250101`, image);
    await rename(join(base, 'images'), join(store, 'images'));
    await published(server, '20250101', image);
  });

  it('scans repeatedly, and leaves a record for status', async () => {
    await serve('--scan-every', '1');
    const lastSweep = async () => {
      const text = await cliOutput(['status', '--json', '--store', `file:${store}`]);
      return (JSON.parse(text) as { lastSweep: string | null }).lastSweep ?? undefined;
    };
    const first = await eventually(lastSweep);
    await eventually(async () => (await lastSweep()) !== first);
  });

  it('continues after kill -9 at any moment', async () => {
    const images: [string, ImageBytes][] = [];
    for (let day = 1; day <= 5; day++) {
      const version = `2025010${day}`;
      const image = randomImage(3_000_000);
      images.push([version, image]);
      const server = await serve();
      await placeImage(store, `${PRODUCT}/${version}`, image);
      // The kill is earlier each time: from after the publication to before the work.
      if (day === 1) await published(server, version, image);
      if (day === 2) await eventually(() => server.stderr().includes(`${version}/`));
      await server.stop('SIGKILL');
    }
    const server = await serve();
    for (const [version, image] of images) await published(server, version, image);
  });

  it('loses nothing when a command works on the same directory', async () => {
    const server = await serve();
    const placed: [string, ImageBytes][] = [];
    const updates: Promise<string>[] = [];
    for (let day = 10; day < 18; day++) {
      const image = randomImage();
      placed.push([`202501${day}`, image]);
      await placeImage(store, `${PRODUCT}/202501${day}`, image);
      if (day % 3 === 0) updates.push(cliOutput(['update', '--store', `file:${store}`]));
    }
    await Promise.all(updates);
    for (const [version, image] of placed) await published(server, version, image);
    assert.doesNotMatch(server.stderr(), /^error:/m);
    assert.match(await cliOutput(['status', '--store', `file:${store}`]), /8 published/);
  });

  it('leaves the files of another program unchanged and shows what to do', async () => {
    await mkdir(join(store, 'streams/v1'), { recursive: true });
    const theirs = '{"index": {}, "format": "index:1.0"}';
    await writeFile(join(store, 'streams/v1/index.json'), theirs);
    const image = randomImage();
    await placeImage(store, `${PRODUCT}/20250101`, image);
    await assert.rejects(serve(), /ended with 1: .*another program.*bucketstreams (init|update)/s);
    assert.equal(await readFile(join(store, 'streams/v1/index.json'), 'utf8'), theirs);
    await cliOutput(['update', '--store', `file:${store}`]);
    await published(await serve(), '20250101', image);
  });
});
