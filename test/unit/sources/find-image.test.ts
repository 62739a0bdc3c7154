import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { PublicSource } from '../../../src/simplestreams/public-source.ts';
import { ListError } from '../../../src/simplestreams/read-list.ts';
import { findStreamImage } from '../../../src/sources/streams/find-image.ts';
import {
  linuxContainers,
  ubuntuCloud,
  type UpstreamFiles,
} from '../../support/servers/public-upstream.ts';

const LIST = 'streams/v1/images.json';
const ALPINE = 'images/alpine/3.19/amd64/default/20240103_13:00';

type Json = Record<string, unknown>;

function sourceOf(files: UpstreamFiles): PublicSource & { readonly opened: string[] } {
  const opened: string[] = [];
  return {
    url: 'https://up.example',
    opened,
    open(path) {
      opened.push(path);
      const body = files.get(path) ?? assert.fail(`${path} is not there`);
      return Promise.resolve(
        (async function* () {
          yield Promise.resolve(body);
        })(),
      );
    },
  };
}

/** Replaces the products file of `files` by the result of `change`. */
function changed(files: UpstreamFiles, change: (products: Record<string, Json>) => void) {
  const list = JSON.parse(String(files.get(LIST))) as { products: Record<string, Json> };
  change(list.products);
  return files.set(LIST, Buffer.from(JSON.stringify(list)));
}

function itemsOf(products: Record<string, Json>): Record<string, Json> {
  const { versions } = products['alpine:3.19:amd64:default']!;
  return (versions as Record<string, { items: Record<string, Json> }>)['20240103_13:00']!.items;
}

describe('the image of a simplestreams server', () => {
  it('is the newest of an alias, with its fingerprint and properties', async () => {
    const files = linuxContainers();
    const source = sourceOf(files);
    const found = await findStreamImage(source, { name: 'alpine/3.19/amd64', imageType: '' });
    assert.ok(found);
    const { fingerprint, ...rest } = found;
    assert.deepEqual(rest, {
      metadataPath: `${ALPINE}/incus.tar.xz`,
      rootPath: `${ALPINE}/rootfs.squashfs`,
      properties: {
        os: 'Alpine',
        release: '3.19',
        serial: '20240103_13:00',
        architecture: 'amd64',
        variant: 'default',
      },
    });
    for (const name of [fingerprint, fingerprint.slice(0, 12)]) {
      assert.deepEqual(await findStreamImage(source, { name, imageType: '' }), found);
    }
    const query = { name: fingerprint.slice(0, 11), imageType: '' };
    assert.equal(await findStreamImage(source, query), undefined);
  });

  it('has the requested type, and a version that clients read', async () => {
    const newest = 'server/releases/jammy/release-20240115/ubuntu-22.04-server-cloudimg-amd64';
    const roots = { container: `${newest}.squashfs`, 'virtual-machine': `${newest}.img` };
    for (const [imageType, root] of Object.entries(roots)) {
      const query = { name: '22.04/amd64', imageType };
      assert.equal((await findStreamImage(sourceOf(ubuntuCloud()), query))?.rootPath, root);
    }
    const query = { name: 'alpine/3.19/amd64', imageType: 'virtual-machine' };
    const machine = await findStreamImage(sourceOf(linuxContainers()), query);
    assert.equal(machine?.rootPath, `${ALPINE}/disk.qcow2`);
  });

  it('may be one file where a list has one, but not for a virtual machine', async () => {
    const files = changed(linuxContainers(), (products) => {
      const items = itemsOf(products);
      const { path, size, sha256 } = items['disk.qcow2']!;
      for (const name of Object.keys(items)) Reflect.deleteProperty(items, name);
      items['one'] = { ftype: 'incus_combined.tar.gz', path, size, sha256 };
    });
    const find = (imageType: string) =>
      findStreamImage(sourceOf(files), { name: 'alpine/3.19/amd64', imageType });
    const whole = await find('');
    assert.equal(whole?.rootPath, `${ALPINE}/disk.qcow2`);
    assert.equal(whole.metadataPath, undefined);
    assert.match((await find('virtual-machine'))!.rootPath, /20240102_13:00\/disk/);
  });

  it('is hidden only by a wrong value of its own', async () => {
    const files = changed(linuxContainers(), (products) => {
      products['debian:bookworm:amd64:default']!['aliases'] = 5;
      itemsOf(products)['root.squashfs']!['size'] = 'large';
    });
    const find = (name: string) =>
      findStreamImage(sourceOf(files), { name, imageType: 'container' });
    assert.match((await find('alpine/3.19/amd64'))!.rootPath, /20240102_13:00/);
    assert.ok(await find('alpine/3.19/arm64'));
    assert.equal(await find('debian/bookworm/amd64'), undefined);
  });

  it('is not searched in lists that clients do not fetch', async () => {
    const source = sourceOf(ubuntuCloud());
    assert.ok(await findStreamImage(source, { name: 'lts/amd64', imageType: '' }));
    assert.deepEqual(source.opened, [
      'streams/v1/index.json',
      'streams/v1/com.ubuntu.cloud:released:download.json',
    ]);
  });

  it('is not searched in a list with endless wrong values', async () => {
    const files = changed(linuxContainers(), (products) => {
      const items = Array.from({ length: 10_001 }, (_, at) => [`i${at}`, 5]);
      const versions = { '20240101': { items: Object.fromEntries(items) as Json } };
      products['x:y:amd64:default'] = { aliases: 'x', arch: 'amd64', versions };
    });
    await assert.rejects(
      findStreamImage(sourceOf(files), { name: 'x', imageType: '' }),
      (error) => error instanceof ListError && error.code === 'refused',
    );
    files.set('streams/v1/index.json', Buffer.from('<html>'));
    await assert.rejects(
      findStreamImage(sourceOf(files), { name: 'x', imageType: '' }),
      (error) => error instanceof ListError && error.code === 'not_json',
    );
  });
});
