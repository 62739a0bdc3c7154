import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { wholeBody } from '../../../src/bytes/borrowed-chunks.ts';
import { recogniseFiles, UnrecognisedFileError } from '../../../src/publishing/recognise.ts';
import { METADATA_YAML, tarArchive, type ArchiveEntry } from '../../support/images/tar-archive.ts';

/** `tar -c metadata.yaml | xz -9e`, by xz 5.4. */
const METADATA_XZ =
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AJNdADaZSu6XoY9PCp89npq3gCO/HdYdorlG4rfuOahcH+H1kPtPkt898oAb323Gf62PwNL/Gz8T+Hw/Tgb8vv6VIkrjz5fEdlnecR86USafA+PKVCaTpTotZgrONNRQOhfnnmqrk14yw4CBTsS4wed7EuGIFxG/n65XU/yqd5rXJDRlOyd89FIsTF5YwFEt3qEhHJVw0gAAVWwuJ7JWOzYAAa8BgFAAAN3GmpexxGf7AgAAAAAEWVo=';
/** The same, by `xz --check=sha256`: valid, but not supported by our decoder. */
const METADATA_XZ_SHA256 =
  '/Td6WFoAAArh+wyhAgAhARwAAAAQz1jM4Cf/AJNdADaZSu6XoY9PCp89npq3gCO/HdYdorlG4rfuOahcH+H1kPtPkt898oAb323Gf62PwNL/Gz8T+Hw/Tgb8vv6VIkrjz5fEdlnecR86USafA+PKVCaTpTotZgrONNRQOhfnnmqrk14yw4CBTsS4wed7EuGIFxG/n65XU/yqd5rXJDRlOyd89FIsTF5YwFEt3qEhHJVw0gAAC8AfV2I+Jc4kMqeb05fOOpi2gN23dzRevb7Y/QRa7AgAAccBgFAAAOpLPXO26d8cAgAAAAAKWVo=';
/** `tar -c .` of a root with /etc/greeting; `./etc/` is the second name. */
const ROOT_XZ =
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AIhdABcLvBx9AZXAHUo+eRXCzCajXhkmGZQiWfIKS2BTDUKs9zm0fEbD9WEyyBiEek4bEBysBHOehEpU1CWUbnTkst1dcrxCenkMpNp7WI3qQCXS1KHCEFwSj+nstojOoEZhAgUNWosnR1Sv5Le+k76MTmi96Rbs7SgmzXBTaVdfloxF9OxKyrlSAMAAFmlwyIquZnsAAaQBgFAAAB42Xf2xxGf7AgAAAAAEWVo=';

const METADATA: ArchiveEntry = { path: 'metadata.yaml', content: METADATA_YAML };
const SQUASHFS = Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(600)]);
const QCOW2 = Buffer.concat([Buffer.from('QFI\u00fb', 'latin1'), Buffer.alloc(600)]);

describe('recogniseFiles', () => {
  let folder: string;
  let count = 0;
  before(async () => void (folder = await mkdtemp(join(tmpdir(), 'recognise-'))));
  after(() => rm(folder, { recursive: true }));

  async function file(name: string, bytes: Uint8Array | string): Promise<string> {
    const own = join(folder, String(count++));
    await mkdir(own);
    await writeFile(join(own, name), bytes);
    return join(own, name);
  }
  async function nameOf(given: string, bytes: Uint8Array | string): Promise<string> {
    const [recognised] = await recogniseFiles([await file(given, bytes)]);
    return `${recognised!.kind} ${recognised!.name}`;
  }
  async function fault(given: string, bytes: Uint8Array | string): Promise<string> {
    const path = await file(given, bytes);
    const error: unknown = await recogniseFiles([path]).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert(error instanceof UnrecognisedFileError, `${given} was recognised`);
    assert(error.message.includes(path), error.message);
    return error.message;
  }

  it('uses the bytes, whatever the names are', async () => {
    assert.equal(await nameOf('x', SQUASHFS), 'root rootfs.squashfs');
    assert.equal(await nameOf('lxd.tar.xz', SQUASHFS), 'root rootfs.squashfs');
    assert.equal(await nameOf('ubuntu.img', QCOW2), 'root disk.qcow2');
    assert.equal(await nameOf('rootfs.squashfs', tarArchive([METADATA])), 'metadata lxd.tar.xz');
    assert.equal(await nameOf('a', gzipSync(tarArchive([METADATA]))), 'metadata lxd.tar.xz');
    assert.equal(
      await nameOf('a', zstdCompressSync(tarArchive([METADATA]))),
      'metadata lxd.tar.xz',
    );
    assert.equal(await nameOf('a', Buffer.from(METADATA_XZ, 'base64')), 'metadata lxd.tar.xz');
    assert.equal(await nameOf('a', Buffer.from(ROOT_XZ, 'base64')), 'root rootfs.tar.xz');
  });

  it('keeps a name that matches the file', async () => {
    assert.equal(await nameOf('incus.tar.xz', tarArchive([METADATA])), 'metadata incus.tar.xz');
    assert.equal(await nameOf('root.tar.xz', Buffer.from(ROOT_XZ, 'base64')), 'root root.tar.xz');
    assert.equal(await nameOf('disk1.img', QCOW2), 'root disk1.img');
    const unified = tarArchive([METADATA, { path: 'rootfs/' }]);
    assert.equal(await nameOf('incus_combined.tar.gz', unified), 'unified incus_combined.tar.gz');
    assert.equal(await nameOf('SHA256SUMS', 'anything'), 'checksums SHA256SUMS');
  });

  it('distinguishes metadata, unified image and root by their entries', async () => {
    const unified = [
      { path: './metadata.yaml', content: METADATA_YAML },
      { path: './rootfs/bin/' },
    ];
    assert.equal(await nameOf('a', tarArchive(unified)), 'unified lxd_combined.tar.gz');
    assert.equal(
      await nameOf('a', tarArchive(unified.toReversed())),
      'unified lxd_combined.tar.gz',
    );
    const templates = [METADATA, { path: 'templates/hosts.tpl', content: 'x' }];
    assert.equal(await nameOf('a', tarArchive(templates)), 'metadata lxd.tar.xz');
    const root = [{ path: './' }, { path: './boot/' }, { path: 'bin', type: '2', link: 'usr/bin' }];
    assert.equal(await nameOf('a', tarArchive(root)), 'root rootfs.tar.xz');
  });

  it('treats a virtual machine of one file as its two files', async () => {
    const templates = [{ path: 'templates/' }, { path: 'templates/x', content: 'x' }];
    const disk = { path: 'rootfs.img', content: QCOW2 };
    const path = await file('vm', gzipSync(tarArchive([METADATA, disk, ...templates])));
    const [metadata, root, ...more] = await recogniseFiles([path]);
    assert.deepEqual(more, []);
    assert.equal(`${metadata!.kind} ${metadata!.name}`, 'metadata lxd.tar.xz');
    assert.equal(`${root!.kind} ${root!.name}`, 'root disk.qcow2');
    for (const part of [metadata!, root!]) {
      const bytes = await wholeBody(part.open(), part.size);
      assert.equal(bytes.length, part.size);
      if (part === root) assert(bytes.equals(QCOW2));
      else assert.equal(await nameOf('a', bytes), 'metadata lxd.tar.xz');
    }
    const early = [METADATA, { path: 'templates/../x' }, disk];
    assert.match(await fault('vm', tarArchive(early)), /leads out of it/);
    assert.match(
      await fault('vm', tarArchive([METADATA, { ...disk, content: 'raw' }])),
      /no qcow2/,
    );
    assert.match(await fault('vm', tarArchive([disk, METADATA])), /comes before its metadata/);
    const beside = await file('lxd.tar.xz', tarArchive([METADATA]));
    await assert.rejects(recogniseFiles([path, beside]), /are both a lxd\.tar\.xz/);
  });

  it('returns the metadata that it read', async () => {
    const [metadata] = await recogniseFiles([await file('a', tarArchive([METADATA]))]);
    assert.equal(metadata!.metadata, METADATA_YAML);
  });

  it('uses the name of a file that it cannot read', async () => {
    const sealed = Buffer.from(METADATA_XZ_SHA256, 'base64');
    assert.equal(await nameOf('lxd.tar.xz', sealed), 'metadata lxd.tar.xz');
    assert.match(await fault('mine.tar.xz', sealed), /name it as it should be stored/);
    assert.match(await fault('a.tar.bz2', Buffer.from('BZh91AY')), /bzip2/);
  });

  it('rejects files that are not part of an image', async () => {
    assert.match(await fault('a', ''), /empty/);
    assert.match(await fault('a', 'text'), /by its bytes it is no file of an image/);
    assert.match(
      await fault('a', tarArchive([{ path: 'README', content: 'x' }])),
      /no metadata\.yaml/,
    );
    assert.match(await fault('a', tarArchive([{ path: 'rootfs/' }])), /a rootfs\/ and no metadata/);
    assert.match(await fault('a', tarArchive([METADATA]).subarray(0, 700)), /middle of an entry/);
    const damaged = tarArchive([METADATA]);
    damaged[0] = 0x4d;
    assert.match(await fault('a', damaged), /checksum/);
    await assert.rejects(recogniseFiles([join(folder, 'absent')]), UnrecognisedFileError);
    await assert.rejects(recogniseFiles([folder]), UnrecognisedFileError);
  });

  it('rejects metadata that is not safe to unpack', async () => {
    const beside = (entry: ArchiveEntry) => fault('a', tarArchive([METADATA, entry]));
    assert.match(await beside({ path: '/etc/passwd', content: 'x' }), /leads out of it/);
    assert.match(await beside({ path: 'templates/../../x', content: 'x' }), /leads out of it/);
    assert.match(await beside({ path: 'templates', type: '2', link: '/etc' }), /is a symlink/);
    assert.match(await beside({ path: 'x', type: '1', link: 'y' }), /is a hardlink/);
    const link: ArchiveEntry = { path: 'metadata.yaml', type: '2', link: '/etc/passwd' };
    assert.match(await fault('a', tarArchive([link])), /metadata\.yaml is a symlink/);
  });

  it('stops reading an archive without end', async () => {
    const size = 65 * 1024 * 1024;
    const zeros = tarArchive([METADATA, { path: 'templates/x', content: Buffer.alloc(size) }]);
    assert.match(await fault('a', gzipSync(zeros)), /more than \d+ bytes/);
    const many = Array.from({ length: 10_001 }, (_, n) => ({ path: `templates/${n}` }));
    assert.match(
      await fault('a', gzipSync(tarArchive([METADATA, ...many]))),
      /more than 10000 entries/,
    );
    const long = tarArchive([{ path: 'metadata.yaml', content: Buffer.alloc(1024 * 1024 + 1) }]);
    assert.match(await fault('a', long), /larger than 1048576 bytes/);
  });

  it('rejects two files for one name', async () => {
    const paths = [await file('a', SQUASHFS), await file('b', SQUASHFS)];
    await assert.rejects(recogniseFiles(paths), /are both a rootfs\.squashfs/);
  });
});
