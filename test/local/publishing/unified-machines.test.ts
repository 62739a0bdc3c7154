import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { unpackTar } from 'modern-tar';

import { bytesOnDisk } from '../../support/stores/bytes-on-disk.ts';
import { cliOutput } from '../../support/cli.ts';
import { eventually } from '../../support/eventually.ts';
import {
  field,
  fingerprintOf,
  clientIdentity,
  gatewayFixture,
  metadataTar,
  splitUpload,
  SQUASHFS,
  type Asking,
  type GatewayFixture,
} from '../../support/servers/gateway-fixture.ts';
import { METADATA_YAML, tarArchive, type ArchiveEntry } from '../../support/images/tar-archive.ts';
import { xzFile } from '../../support/images/xz-file.ts';

const NEVER = 3_600_000;
const MIB = 1024 * 1024;
/** Too long for one chunk, and random, so that no two chunks are equal. */
const DISK = Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), randomBytes(5 * MIB + 77)]);
const METADATA: ArchiveEntry = { path: 'metadata.yaml', content: METADATA_YAML };
const ROOT: ArchiveEntry = { path: 'rootfs.img', content: DISK };
/** They follow the disk, as in archives of LXD and Incus. */
const TEMPLATES: readonly ArchiveEntry[] = [
  { path: 'templates/' },
  { path: 'templates/hosts.tpl', content: 'for {{ container.name }}' },
];
const MACHINE = tarArchive([METADATA, ROOT, ...TEMPLATES]);

function sent(file: Uint8Array, alias?: string, headers: Record<string, string> = {}): Asking {
  return {
    body: Readable.from([file], { objectMode: false }),
    headers: {
      'content-type': 'application/octet-stream',
      ...(alias !== undefined && { 'x-lxd-aliases': `alias=${encodeURIComponent(alias)}` }),
      ...headers,
    },
  };
}

async function bytesOf({ store }: GatewayFixture, key: string): Promise<Buffer> {
  return Buffer.concat(await (await store.read(key)).stream.toArray());
}

/** The two files of the only version of `a/b/amd64/c`, once they are stored. */
async function placed(gateway: GatewayFixture): Promise<{ metadata: Buffer; disk: Buffer }> {
  const keys = await eventually(async () => {
    const found = await gateway.keys('images/');
    return found.length === 2 && found;
  });
  assert.match(keys[0]!, /^images\/a\/b\/amd64\/c\/[^/]+\/disk\.qcow2$/);
  assert.match(keys[1]!, /\/lxd\.tar\.xz$/);
  const [disk, metadata] = await Promise.all(keys.map((key) => bytesOf(gateway, key)));
  return { metadata: metadata!, disk: disk! };
}

describe('a virtual machine in one file', () => {
  const forms: readonly [string, (tar: Buffer) => Buffer][] = [
    ['plain', (tar) => tar],
    ['by gzip', (tar) => gzipSync(tar, { level: 1 })],
    ['by zstd', (tar) => zstdCompressSync(tar)],
    ['by xz', xzFile],
  ];
  for (const [form, compress] of forms) {
    it(`compressed ${form} is published as its disk and the other files`, async () => {
      await using gateway = await gatewayFixture({ rest: NEVER });
      const client = await gateway.trusted();
      const file = compress(MACHINE);
      const own = { 'x-lxd-fingerprint': fingerprintOf(file) };
      const reply = await client('/1.0/images', sent(file, 'a/b/c', own));
      assert.equal(reply.status, 202, reply.error);
      const { metadata, disk } = await placed(gateway);
      assert(disk.equals(DISK));
      assert.equal(
        field(reply, 'metadata', 'metadata', 'fingerprint'),
        fingerprintOf(metadata, disk),
      );
      assert.deepEqual(await listed(metadata), [
        'metadata.yaml',
        'templates/',
        'templates/hosts.tpl',
      ]);
      assert.equal((await gateway.keys()).length, 2);
    });
  }

  it('compressed by xz blocks no other upload while its sender is slow', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const file = xzFile(MACHINE);
    const { promise: others, resolve: go } = Promise.withResolvers<undefined>();
    async function* pausing(): AsyncGenerator<Buffer> {
      yield file.subarray(0, -MIB);
      await others;
      yield file.subarray(-MIB);
    }
    const slow = sent(file, 'a/b/c');
    const body = Readable.from(pausing(), { objectMode: false });
    const first = client('/1.0/images', { ...slow, body });
    await eventually(async () => (await bytesOnDisk(gateway.path)) > 3 * MIB);
    const second = await client('/1.0/images', splitUpload(xzFile(metadataTar('quick')), SQUASHFS));
    assert.equal(second.status, 202, second.error);
    go(undefined);
    assert.equal((await first).status, 202);
  });

  it('with only metadata and a disk has its fingerprint too', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const reply = await client('/1.0/images', sent(tarArchive([METADATA, ROOT]), 'a/b/c'));
    const { metadata, disk } = await placed(gateway);
    const fingerprint = field(reply, 'metadata', 'metadata', 'fingerprint');
    assert.equal(fingerprint, fingerprintOf(metadata, disk));
  });

  it('keeps names that are too long for a header', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const path = `templates/${'ü'.repeat(80)}.tpl`;
    const long = Buffer.from(`${path}\0`);
    const entries = [
      METADATA,
      { path: '././@LongLink', type: 'L', content: long },
      { path: 'short', content: 'x' },
      ROOT,
    ];
    await client('/1.0/images', sent(tarArchive(entries), 'a/b/c'));
    assert.deepEqual(await listed((await placed(gateway)).metadata), ['metadata.yaml', path]);
  });

  it("is named, found, and rejected a second time by the sender's fingerprint", async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const sentAs = fingerprintOf(MACHINE);
    const reply = await client('/1.0/images', sent(MACHINE));
    const fingerprint = field(reply, 'metadata', 'metadata', 'fingerprint') as string;
    assert.notEqual(fingerprint, sentAs);
    for (const name of [sentAs, sentAs.slice(0, 12), fingerprint]) {
      const shown = await client(`/1.0/images/${name}`);
      assert.equal(field(shown, 'metadata', 'fingerprint'), fingerprint);
      assert.equal(field(shown, 'metadata', 'type'), 'virtual-machine');
    }
    const again = async () => (await client('/1.0/images', sent(MACHINE))).error;
    assert.equal(await again(), 'Image with same fingerprint already exists');
    const named = { json: { name: 'a/b/c', target: sentAs } };
    assert.equal((await client('/1.0/images/aliases', named)).status, 200);
    const { metadata, disk } = await placed(gateway);
    assert.equal(fingerprintOf(metadata, disk), fingerprint);
    assert.equal((await client('/1.0/images/aliases', named)).status, 200, 'the same again');
    assert.equal(await again(), 'Image with same fingerprint already exists');
    assert.equal((await gateway.keys()).length, 2);
    await cliOutput(['update', '--store', `file:${gateway.path}`]);
    const shown = await client(`/1.0/images/${sentAs.slice(0, 12)}`);
    assert.equal(field(shown, 'metadata', 'fingerprint'), fingerprint);
  });

  it("can be uploaded again after it was deleted by the sender's fingerprint", async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const sentAs = fingerprintOf(MACHINE);
    const remove = () => client(`/1.0/images/${sentAs}`, { method: 'DELETE' });
    await client('/1.0/images', sent(MACHINE));
    assert.equal((await remove()).status, 202);
    assert.deepEqual(await gateway.keys(), []);
    await client('/1.0/images', sent(MACHINE, 'a/b/c'));
    assert.equal((await remove()).status, 202);
    const reply = await client('/1.0/images', sent(MACHINE, 'a/b/d'));
    assert.equal(reply.status, 202, reply.error);
  });

  it('is rejected by a gateway that has only the public files', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    await client('/1.0/images', sent(MACHINE, 'a/b/c'));
    await cliOutput(['update', '--store', `file:${gateway.path}`]);
    await using next = await gatewayFixture({ rest: NEVER, on: gateway.store });
    const keys = await next.keys();
    const other = await next.trusted();
    const reply = await other('/1.0/images', sent(MACHINE, 'a/b/d'));
    assert.equal(reply.error, 'Image with same fingerprint already exists');
    assert.deepEqual(await next.keys(), keys);
  });

  it('waits for its name during a restart of the gateway', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const identity = clientIdentity();
    const client = await gateway.trusted([], 'test', identity);
    await client('/1.0/images', sent(MACHINE));
    await using next = await gatewayFixture({ rest: NEVER, on: gateway.store });
    const again = await next.trusted([], 'test', identity);
    const named = { json: { name: 'a/b/c', target: fingerprintOf(MACHINE) } };
    assert.equal((await again('/1.0/images/aliases', named)).status, 200);
    assert((await placed(next)).disk.equals(DISK));
  });
});

describe('a virtual machine in one file that is rejected because it', () => {
  const link: ArchiveEntry = { path: 'templates/x', type: '2', link: '/etc/shadow' };
  const wrong = { 'x-lxd-fingerprint': 'f'.repeat(64) };
  const damaged = gzipSync(MACHINE, { level: 1 });
  damaged.writeUInt32LE(0, damaged.length - 8);
  const cases: readonly [string, Buffer, RegExp, Record<string, string>?][] = [
    [
      'has another disk than a qcow2',
      tarArchive([METADATA, { path: 'rootfs.img', content: randomBytes(MIB) }]),
      /its rootfs\.img is no qcow2 disk/,
    ],
    [
      'has a link for a disk',
      tarArchive([METADATA, { path: 'rootfs.img', type: '2', link: '/dev/vda' }]),
      /its rootfs\.img is no plain file/,
    ],
    ['is a container too', tarArchive([METADATA, ROOT, { path: 'rootfs/' }]), /it has both a root/],
    [
      'was a container first',
      tarArchive([{ path: 'rootfs/' }, ROOT, METADATA]),
      /it has both a rootfs\/ and a rootfs\.img/,
    ],
    ['has its disk twice', tarArchive([METADATA, ROOT, ROOT]), /it has "rootfs\.img" twice/],
    [
      'has its metadata twice',
      tarArchive([METADATA, ROOT, METADATA]),
      /it has "metadata\.yaml" twice/,
    ],
    ['ends early', MACHINE.subarray(0, 3 * MIB), /it ends in the middle of an entry/],
    [
      'ends early, compressed',
      gzipSync(MACHINE, { level: 1 }).subarray(0, 3 * MIB),
      /gzip data cannot be decompressed/,
    ],
    [
      'ends early, compressed by xz',
      xzFile(MACHINE).subarray(0, 3 * MIB),
      /xz data cannot be decompressed|ends in the middle/,
    ],
    ['has a damaged end', damaged, /gzip data cannot be decompressed/],
    [
      'has its metadata behind its disk',
      tarArchive([ROOT, METADATA]),
      /its rootfs\.img comes before its metadata\.yaml, .* pack it with metadata\.yaml first/,
    ],
    ['is another image', MACHINE, /fingerprint is [0-9a-f]{64}, not f{64}/, wrong],
    ['has a link beside its disk', tarArchive([METADATA, link, ROOT]), /"templates\/x" is a symli/],
    ['has a link behind its disk', tarArchive([METADATA, ROOT, link]), /"templates\/x" is a symli/],
    [
      'leads out of itself behind its disk',
      tarArchive([METADATA, ROOT, { path: 'templates/../../x', content: 'x' }]),
      /leads out of it/,
    ],
    [
      'is a bomb behind its disk',
      gzipSync(
        tarArchive([METADATA, ROOT, { path: 'templates/x', content: Buffer.alloc(2 ** 25) }]),
      ),
      /holds more than 16777216 bytes beside its rootfs\.img/,
    ],
    [
      'is a bomb behind its end',
      gzipSync(Buffer.concat([MACHINE, Buffer.alloc(2 ** 25)])),
      /it goes on after its end/,
    ],
    [
      'has a disk that is too large once it is decompressed',
      gzipSync(
        tarArchive([
          METADATA,
          { path: 'rootfs.img', content: Buffer.concat([DISK, Buffer.alloc(4 * MIB)]) },
        ]),
      ),
      /the image's disk is larger than 7340032 bytes/,
    ],
  ];
  for (const [name, file, reason, headers] of cases) {
    it(`${name}: shows the reason and leaves nothing`, async () => {
      await using gateway = await gatewayFixture({ rest: NEVER, limits: { size: 7 * MIB } });
      const client = await gateway.trusted();
      for (const alias of [undefined, 'a/b/c']) {
        const reply = await client('/1.0/images', sent(file, alias, headers));
        assert(reply.status >= 400 && reply.status < 500, `${reply.status} ${reply.error}`);
        assert.match(reply.error, reason);
        assert.deepEqual(await gateway.keys(), []);
      }
    });
  }

  it('was sent as the metadata: shows the reason and leaves nothing', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const reply = await client('/1.0/images', splitUpload(MACHINE, DISK));
    assert.match(reply.error, /more than \d+ bytes|holds a rootfs\.img too/);
    assert.deepEqual(await gateway.keys(), []);
  });

  it('was sent as the root: shows the reason and leaves nothing', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const reply = await client('/1.0/images', splitUpload(metadataTar(), MACHINE));
    assert.match(reply.error, /the root's archive cannot be used: it is a whole image/);
    assert.deepEqual(await gateway.keys(), []);
  });
});

/** The names in an archive, as another reader than ours lists them. */
async function listed(archive: Buffer): Promise<string[]> {
  const entries = await unpackTar(archive, { strict: true });
  return entries.map(({ header }) => header.name);
}
