import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { productName } from '../../../src/images/layout.ts';
import { chooseVersions, type Choice } from '../../../src/sources/streams/choose-versions.ts';
import { parseProducts } from '../../../src/simplestreams/parse-documents.ts';
import {
  linuxContainers,
  ubuntuCloud,
  type UpstreamFiles,
} from '../../support/servers/public-upstream.ts';

const LINUX_CONTAINERS = 'streams/v1/images.json';
const UBUNTU = 'streams/v1/com.ubuntu.cloud:released:download.json';

/** The chosen versions of a products file, as `product version`, newest first in each product. */
function choose(files: UpstreamFiles, path: string, choice: Partial<Choice> = {}) {
  const parsed = parseProducts(JSON.parse(String(files.get(path))));
  assert.ok('document' in parsed, JSON.stringify(parsed));
  const { versions, skipped } = chooseVersions(parsed.document, { match: () => true, ...choice });
  const names = versions.map(({ ref }) => `${productName(ref.product)} ${ref.version}`);
  return { names, versions, skipped };
}

describe('the chosen versions of an upstream', () => {
  it('are the newest of each product', () => {
    const { names } = choose(linuxContainers(), LINUX_CONTAINERS, { newest: 2 });
    assert.deepEqual(names, [
      'alpine:3.19:amd64:default 20240103_13:00',
      'alpine:3.19:amd64:default 20240102_13:00',
      'alpine:3.19:arm64:default 20240103_13:00',
      'alpine:3.19:arm64:default 20240102_13:00',
      'debian:bookworm:amd64:default 20240101_13:00',
    ]);
  });

  it('are those of the requested products, all of them without a number', () => {
    const match: Choice['match'] = ({ os, arch }) => os === 'alpine' && arch === 'arm64';
    const { names } = choose(linuxContainers(), LINUX_CONTAINERS, { match });
    assert.equal(names.length, 3);
    assert.ok(names.every((name) => name.startsWith('alpine:3.19:arm64:default ')));
  });

  it('are the newest usable ones; the others are reported with a reason', () => {
    const { names, skipped } = choose(ubuntuCloud(), UBUNTU, { newest: 1 });
    assert.deepEqual(names, ['ubuntu:jammy:amd64:default 20240101']);
    assert.deepEqual(
      skipped.map(({ place }) => place),
      ['ubuntu:jammy:amd64:default 20240115', 'ubuntu:jammy:amd64:default current'],
    );
    assert.match(skipped[0]!.reason, /\.squashfs has no SHA-256/);
    assert.match(skipped[1]!.reason, /does not start with a date/);
  });

  it('have their metadata last, without deltas and files that no client reads', () => {
    const names = (files: UpstreamFiles, path: string) =>
      choose(files, path, { newest: 1 }).versions[0]!.files.map(({ name }) => name);
    assert.deepEqual(names(linuxContainers(), LINUX_CONTAINERS), [
      'disk.qcow2',
      'rootfs.squashfs',
      'incus.tar.xz',
      'lxd.tar.xz',
    ]);
    assert.deepEqual(names(ubuntuCloud(), UBUNTU), [
      'disk1.img',
      'rootfs.tar.xz',
      'rootfs.squashfs',
      'lxd.tar.xz',
    ]);
  });
});
