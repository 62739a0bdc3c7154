import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { candidatesOf, possibleImages } from '../../../src/catalog/candidates.ts';
import type { Combined, FileEntry } from '../../../src/catalog/document.ts';
import { parseSha256, type Sha256 } from '../../../src/images/digests.ts';
import type { MetadataFile } from '../../../src/images/file-kinds.ts';
import type { ETag } from '../../../src/storage/object-store.ts';
import * as arbitrary from '../../support/images/arbitraries.ts';

const BOTH = ['lxd', 'incus'] as const;
const OLD = 'old' as ETag;
const NOW = 'now' as ETag;

/** A file of ten bytes that were read. `combined` maps a metadata file to their combined digest. */
function file(digest: string, combined: Partial<Record<MetadataFile, string>> = {}): FileEntry {
  const entries = Object.entries(combined).map(
    ([name, sum]) => [name, { metadataEtag: NOW, sha256: sha(sum) }] as const,
  );
  const base = { etag: NOW, size: 10, lastModified: 0, sha256: sha(digest) };
  return { ...base, combined: Object.fromEntries<Combined>(entries) };
}

function sha(digit: string): Sha256 {
  return parseSha256(digit.repeat(64))!;
}

/** `client file metadata fingerprint`, with the fingerprint's first digit only. */
function brief(version: Parameters<typeof candidatesOf>[0], clients = [...BOTH]): string[] {
  return candidatesOf(version, clients).map(({ client, file: name, metadataFile, fingerprint }) =>
    [client, name, metadataFile ?? '-', fingerprint[0]].join(' '),
  );
}

const lxd = file('1');
const incus = file('2');
const squashfs = file('3', { 'lxd.tar.xz': 'a', 'incus.tar.xz': 'b' });
const disk = file('4', { 'lxd.tar.xz': 'c', 'incus.tar.xz': 'd' });
const unified = file('5');

describe('the images of a version', () => {
  it('are every root with the one metadata file, for both clients', () => {
    const files = { 'incus.tar.xz': incus, 'disk.qcow2': disk, 'rootfs.squashfs': squashfs };
    assert.deepEqual(brief({ files }), [
      'lxd rootfs.squashfs incus.tar.xz b',
      'lxd disk.qcow2 incus.tar.xz d',
      'incus rootfs.squashfs incus.tar.xz b',
      'incus disk.qcow2 incus.tar.xz d',
    ]);
    assert.deepEqual(
      candidatesOf({ files }, ['incus']).map(({ type }) => type),
      ['container', 'virtual-machine'],
    );
  });

  it("use each client's own metadata where both files exist", () => {
    const files = { 'lxd.tar.xz': lxd, 'incus.tar.xz': incus, 'rootfs.squashfs': squashfs };
    assert.deepEqual(brief({ files }), [
      'lxd rootfs.squashfs lxd.tar.xz a',
      'incus rootfs.squashfs incus.tar.xz b',
    ]);
    assert.deepEqual(brief({ files }, ['incus']), ['incus rootfs.squashfs incus.tar.xz b']);
  });

  it('have the first of two roots of one ftype', () => {
    const second = file('6', { 'lxd.tar.xz': 'e' });
    const files = { 'lxd.tar.xz': lxd, 'root.tar.xz': second, 'rootfs.tar.xz': squashfs };
    assert.deepEqual(brief({ files }, ['lxd']), ['lxd rootfs.tar.xz lxd.tar.xz a']);
    const disks = { 'lxd.tar.xz': lxd, 'disk-kvm.img': second, 'disk.qcow2': disk };
    assert.deepEqual(brief({ files: disks }, ['lxd']), ['lxd disk.qcow2 lxd.tar.xz c']);
  });

  it('are a unified file only without a split image', () => {
    const alone = { 'lxd_combined.tar.gz': unified, 'lxd.tar.xz': lxd };
    assert.deepEqual(brief({ files: alone }), [
      'lxd lxd_combined.tar.gz - 5',
      'incus lxd_combined.tar.gz - 5',
    ]);
    const beside = { ...alone, 'rootfs.squashfs': squashfs };
    assert.deepEqual(brief({ files: beside }), [
      'lxd rootfs.squashfs lxd.tar.xz a',
      'incus rootfs.squashfs lxd.tar.xz a',
    ]);
    const each = { 'lxd_combined.tar.gz': unified, 'incus_combined.tar.gz': file('7') };
    assert.deepEqual(brief({ files: each }), [
      'lxd lxd_combined.tar.gz - 5',
      'incus incus_combined.tar.gz - 7',
    ]);
  });

  it('are none without metadata or a root, and none for deltas', () => {
    assert.deepEqual(brief({ files: {} }), []);
    assert.deepEqual(brief({ files: { 'lxd.tar.xz': lxd } }), []);
    assert.deepEqual(brief({ files: { 'rootfs.squashfs': squashfs } }), []);
    const files = { 'lxd.tar.xz': lxd, 'rootfs.squashfs.vcdiff': squashfs };
    assert.deepEqual(brief({ files }), []);
  });

  it('leave out a file that is unread, empty, withdrawn or embargoed', () => {
    const files = { 'lxd.tar.xz': lxd, 'rootfs.squashfs': squashfs };
    const { sha256: _, ...unread } = squashfs;
    assert.deepEqual(brief({ files: { ...files, 'rootfs.squashfs': unread } }), []);
    assert.deepEqual(
      brief({ files: { ...files, 'rootfs.squashfs': { ...squashfs, size: 0 } } }),
      [],
    );
    for (const name of ['lxd.tar.xz', 'rootfs.squashfs']) {
      const removal = (etag: ETag) => ({ etag: NOW, files: { [name]: etag } });
      assert.deepEqual(brief({ files, removal: removal(NOW) }), []);
      assert.equal(brief({ files, removal: removal(OLD) }).length, 2);
      assert.deepEqual(brief({ files, embargoed: { [name]: { etag: OLD, until: 1 } } }), []);
      assert.equal(brief({ files, embargoed: { [name]: { etag: NOW, until: 1 } } }).length, 2);
    }
  });

  it('leave out a fingerprint of metadata that has changed since', () => {
    const files = { 'lxd.tar.xz': { ...lxd, etag: OLD }, 'rootfs.squashfs': squashfs };
    assert.deepEqual(brief({ files }), []);
  });

  it('are all possible ones, when every file has been read', () => {
    fc.assert(
      fc.property(arbitrary.version, arbitrary.clients, ({ files }, clients) => {
        const possible = possibleImages(files, clients);
        const unread = possible.some(({ file: name, metadataFile, fingerprint }) =>
          [fingerprint, files[name]?.sha256, files[metadataFile ?? name]?.sha256].includes(
            undefined,
          ),
        );
        fc.pre(!unread);
        assert.deepEqual(candidatesOf({ files }, clients), possible);
      }),
    );
  });

  it('never have two of one ftype, or a split and a unified one, for a client', () => {
    fc.assert(
      fc.property(arbitrary.version, arbitrary.clients, (version, clients) => {
        for (const client of clients) {
          const images = candidatesOf(version, clients).filter((image) => image.client === client);
          const unifiedCount = images.filter(
            ({ metadataFile }) => metadataFile === undefined,
          ).length;
          assert.ok(unifiedCount === 0 || images.length === 1);
          assert.ok(new Set(images.map(({ metadataFile }) => metadataFile)).size <= 1);
          assert.equal(new Set(images.map(({ file: name }) => name)).size, images.length);
        }
      }),
    );
  });
});
