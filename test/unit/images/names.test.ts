import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalArchitecture, isKnownArchitecture } from '../../../src/images/architectures.ts';
import { FILE_NAMES, fileKind } from '../../../src/images/file-kinds.ts';
import { parseSha256 } from '../../../src/images/digests.ts';

describe('isKnownArchitecture', () => {
  it('accepts every name that LXD or Incus accepts', () => {
    for (const name of [
      'amd64',
      'x86_64',
      'arm64',
      'aarch64',
      'armhf',
      's390x',
      'ppc64el',
      'riscv64',
    ]) {
      assert.ok(isKnownArchitecture(name), name);
    }
    assert.ok(isKnownArchitecture('amd64v3'), 'LXD only');
    assert.ok(isKnownArchitecture('x86_64_v3'), 'Incus only');
  });

  it('accepts no other', () => {
    for (const name of ['', 'AMD64', 'all', 'sparc', 'amd64 ', 'constructor', '__proto__']) {
      assert.equal(isKnownArchitecture(name), false, name);
    }
  });

  it('returns which names mean the same', () => {
    assert.equal(canonicalArchitecture('amd64'), canonicalArchitecture('x86_64'));
    assert.notEqual(canonicalArchitecture('armhf'), canonicalArchitecture('armel'));
    assert.equal(canonicalArchitecture('sparc'), undefined);
  });
});

describe('fileKind', () => {
  it('returns the ftype and the hash field that clients expect', () => {
    const table = Object.fromEntries(
      FILE_NAMES.flatMap((name) => {
        const kind = fileKind(name);
        return kind?.kind === 'root' ? [[name, [kind.ftype, kind.hashField, kind.type]]] : [];
      }),
    );
    assert.deepEqual(table, {
      'rootfs.squashfs': ['squashfs', 'combined_squashfs_sha256', 'container'],
      'rootfs.tar.xz': ['root.tar.xz', 'combined_rootxz_sha256', 'container'],
      'root.tar.xz': ['root.tar.xz', 'combined_rootxz_sha256', 'container'],
      'disk.qcow2': ['disk-kvm.img', 'combined_disk-kvm-img_sha256', 'virtual-machine'],
      'disk-kvm.img': ['disk-kvm.img', 'combined_disk-kvm-img_sha256', 'virtual-machine'],
      'disk1.img': ['disk1.img', 'combined_disk1-img_sha256', 'virtual-machine'],
      'uefi1.img': ['uefi1.img', 'combined_uefi1-img_sha256', 'virtual-machine'],
    });
  });

  it('recognises a delta, whatever its source is', () => {
    for (const name of ['rootfs.squashfs.vcdiff', 'disk.qcow2.vcdiff', 'x.vcdiff']) {
      assert.deepEqual(fileKind(name), { kind: 'delta' });
    }
  });

  it('has no meaning for another name', () => {
    for (const name of ['README', 'LXD.tar.xz', 'lxd.tar.xz.part', 'toString', '__proto__', '']) {
      assert.equal(fileKind(name), undefined, name);
    }
  });
});

describe('parseSha256', () => {
  it('accepts 64 lowercase hexadecimal characters and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const text = Buffer.from(bytes).toString('hex');
        assert.equal(parseSha256(text), text);
      }),
    );
    const good = 'ab'.repeat(32);
    for (const bad of [
      '',
      good.slice(1),
      `${good}0`,
      good.toUpperCase(),
      `${good}\n`,
      ` ${good}`,
    ]) {
      assert.equal(parseSha256(bad), undefined);
    }
  });
});
