import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import {
  described,
  HEAD_LENGTH,
  NO_FORMAT,
  ROOT_FORMATS,
  rootFormat,
  sniff,
  truncation,
} from '../../../src/images/formats.ts';
import {
  fileKind,
  imageType,
  ROOT_FILES,
  ROOT_KINDS,
  rootFile,
} from '../../../src/images/file-kinds.ts';
import { TAIL_LENGTH } from '../../../src/images/whole-file.ts';
import { tarArchive } from '../../support/images/tar-archive.ts';

/** `tar -c metadata.yaml | xz -9e`, by xz 5.4. */
const XZ = Buffer.from(
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AJNdADaZSu6XoY9PCp89npq3gCO/HdYdorlG4rfuOahcH+H1kPtPkt898oAb323Gf62PwNL/Gz8T+Hw/Tgb8vv6VIkrjz5fEdlnecR86USafA+PKVCaTpTotZgrONNRQOhfnnmqrk14yw4CBTsS4wed7EuGIFxG/n65XU/yqd5rXJDRlOyd89FIsTF5YwFEt3qEhHJVw0gAAVWwuJ7JWOzYAAa8BgFAAAN3GmpexxGf7AgAAAAAEWVo=',
  'base64',
);
const TAR = tarArchive([{ path: 'metadata.yaml', content: 'architecture: x86_64\n' }]);

/** A squashfs whose superblock gives this size, padded to 4096 as mksquashfs does. */
function squashfs(bytesUsed: number): Buffer {
  const file = Buffer.alloc(4096);
  file.write('hsqs');
  file.writeBigUInt64LE(BigInt(bytesUsed), 40);
  return file;
}

/** A qcow2 disk with a refcount table at 65536 and an L1 table of two entries at 196608. */
function qcow2(size: number): Buffer {
  const file = Buffer.alloc(size);
  file.write('QFI\u00fb', 'latin1');
  file.writeUInt32BE(3, 4);
  file.writeUInt32BE(2, 36);
  file.writeBigUInt64BE(196_608n, 40);
  file.writeBigUInt64BE(65_536n, 48);
  return file;
}

function faultOf(file: Uint8Array): string | undefined {
  const [head, tail] = [file.subarray(0, HEAD_LENGTH), file.subarray(-TAIL_LENGTH)];
  return truncation({ head, size: file.length, tail });
}

describe('sniff', () => {
  it('recognises each format by its first bytes', () => {
    assert.deepEqual(sniff(squashfs(100)), { kind: 'root', format: 'squashfs' });
    assert.deepEqual(sniff(qcow2(1000)), { kind: 'root', format: 'qcow2' });
    assert.deepEqual(sniff(TAR), { kind: 'tar', compression: 'none' });
    assert.deepEqual(sniff(gzipSync(TAR)), { kind: 'tar', compression: 'gzip' });
    assert.deepEqual(sniff(XZ), { kind: 'tar', compression: 'xz' });
    assert.deepEqual(sniff(zstdCompressSync(TAR)), { kind: 'tar', compression: 'zstd' });
    assert.deepEqual(sniff(Buffer.from('BZh91AY')), { kind: 'closed', name: 'bzip2' });
    for (const none of ['', 'hsq', 'a text']) {
      assert.deepEqual(sniff(Buffer.from(none)), { kind: 'unknown' });
    }
  });

  it('gives the format of a root, and its name for messages', () => {
    assert.equal(rootFormat(sniff(XZ)), 'tar');
    assert.equal(rootFormat(sniff(qcow2(1000))), 'qcow2');
    assert.equal(rootFormat(sniff(Buffer.from('BZh'))), undefined);
    assert.equal(described(sniff(squashfs(1))), 'a squashfs');
    assert.match(
      ROOT_FORMATS,
      /^a squashfs, .*a qcow2 disk.* or a tar \(plain, gzip, xz or zstd\)$/,
    );
    assert.match(NO_FORMAT, /^no squashfs, .*no qcow2.* and no tar \(plain, gzip, xz or zstd\)$/);
  });
});

describe('truncation', () => {
  it('accepts a complete file', () => {
    const padded = Buffer.concat([XZ, Buffer.alloc(1024)]);
    for (const file of [squashfs(4000), qcow2(196_624), TAR, XZ, padded, gzipSync(TAR)]) {
      assert.equal(faultOf(file), undefined);
    }
    assert.equal(faultOf(Buffer.from('a text')), undefined, 'a format that nobody knows');
  });

  it('finds a squashfs shorter than its superblock says', () => {
    assert.equal(faultOf(squashfs(4096)), undefined);
    assert.match(faultOf(squashfs(4097)) ?? '', /needs 4097 bytes by its header and has 4096/);
    assert.match(faultOf(squashfs(2 ** 40).subarray(0, 90)) ?? '', /header/);
  });

  it('finds a disk that ends before one of its tables', () => {
    assert.match(faultOf(qcow2(196_623)) ?? '', /needs 196624 bytes/);
    assert.match(faultOf(qcow2(100)) ?? '', /needs 196624 bytes/);
    assert.match(faultOf(qcow2(71 + 1000).subarray(0, 71)) ?? '', /header/);
  });

  it('finds an archive without its end', () => {
    for (let length = 265; length < TAR.length - 1024; length += 100) {
      assert.match(faultOf(TAR.subarray(0, length)) ?? '', /end-of-archive/, String(length));
    }
    for (let length = 6; length < XZ.length; length++) {
      assert.match(faultOf(XZ.subarray(0, length)) ?? '', /footer/, String(length));
    }
  });
});

describe('the table of file kinds', () => {
  it('names a file by its format, and keeps a name that matches', () => {
    assert.equal(rootFile('squashfs'), 'rootfs.squashfs');
    assert.equal(rootFile('qcow2'), 'disk.qcow2');
    assert.equal(rootFile('tar'), 'rootfs.tar.xz');
    assert.equal(rootFile('qcow2', 'uefi1.img'), 'uefi1.img');
    assert.equal(rootFile('tar', 'uefi1.img'), 'rootfs.tar.xz');
    for (const name of ROOT_FILES) {
      const kind = fileKind(name);
      assert.ok(kind?.kind === 'root');
      assert.equal(rootFile(kind.format, name), name);
    }
  });

  it('has roots in the order in which clients prefer them', () => {
    const preference = ['squashfs', 'root.tar.xz', 'disk-kvm.img', 'uefi1.img', 'disk1.img'];
    const ftypes: readonly string[] = ROOT_KINDS.map(({ ftype }) => ftype);
    assert.deepEqual(
      ftypes.filter((ftype) => preference.includes(ftype)),
      preference,
    );
  });

  it('distinguishes containers from virtual machines', () => {
    assert.equal(imageType('rootfs.tar.xz'), 'container');
    assert.equal(imageType('disk.qcow2'), 'virtual-machine');
    assert.equal(imageType('lxd_combined.tar.gz'), 'container');
  });
});
