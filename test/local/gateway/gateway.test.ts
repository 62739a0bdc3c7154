import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

import { eventually } from '../../support/eventually.ts';
import {
  field,
  fingerprintOf,
  gatewayFixture,
  metadataTar,
  splitUpload,
  SQUASHFS,
  type Asking,
} from '../../support/servers/gateway-fixture.ts';
import { METADATA_YAML, tarArchive, type ArchiveEntry } from '../../support/images/tar-archive.ts';

const NEVER = 3_600_000;
const METADATA = metadataTar();
const FINGERPRINT = fingerprintOf(METADATA, SQUASHFS);

function withHeaders(asking: Asking, headers: Record<string, string>): Asking {
  return { ...asking, headers: { ...asking.headers, ...headers } };
}
const aliased = (asking: Asking, alias: string) =>
  withHeaders(asking, { 'x-incus-aliases': `alias=${encodeURIComponent(alias)}` });

/** An image of one file: metadata, and the entries after it. */
function unified(entries: readonly ArchiveEntry[]): Asking {
  const file = gzipSync(
    tarArchive([{ path: 'metadata.yaml', content: METADATA_YAML }, ...entries]),
  );
  return { body: Readable.from([file]), headers: { 'content-type': 'application/octet-stream' } };
}

describe('the rights of a client', () => {
  it('show strangers only what they need to join', async () => {
    await using gateway = await gatewayFixture();
    const { stranger } = gateway;
    const server = await stranger('/1.0');
    const name = field(server, 'metadata', 'environment', 'server_name');
    assert.match(String(name), /^bucketstreams-[0-9a-f]{12}$/);
    assert.equal(server.status, 200);
    assert.deepEqual(server.json, {
      type: 'sync',
      status: 'Success',
      status_code: 200,
      operation: '',
      error_code: 0,
      error: '',
      metadata: {
        api_extensions: ['image_create_aliases', 'images_push_relay', 'image_copy_profile'],
        api_status: 'stable',
        api_version: '1.0',
        public: false,
        auth: 'untrusted',
        auth_methods: ['tls'],
        config: {},
        environment: { server_name: name, addresses: [] },
      },
    });
    for (const path of [
      '/1.0/images',
      '/1.0/certificates',
      '/1.0/images/aliases',
      '/1.0/operations',
    ]) {
      assert.equal((await stranger(path)).status, 403, path);
    }
    assert.equal((await stranger('/1.0/images', splitUpload(METADATA, SQUASHFS))).status, 403);
    const untrusted = await gateway.newClient();
    assert.equal((await untrusted('/1.0/images', splitUpload(METADATA, SQUASHFS))).status, 403);
    assert.equal((await untrusted('/1.0/images/abc', { method: 'DELETE' })).status, 403);
    assert.deepEqual(await gateway.keys(), []);
  });

  it('do not include launches: the error explains the server, whether the image exists or not', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    await client('/1.0/images', splitUpload(METADATA, SQUASHFS));
    const untrusted = await gateway.newClient();
    const answers = new Set<string>();
    for (const who of [gateway.stranger, untrusted]) {
      for (const fingerprint of [FINGERPRINT, 'f'.repeat(64)]) {
        for (const path of [fingerprint, `${fingerprint}/export`, `aliases/${fingerprint}`]) {
          const reply = await who(`/1.0/images/${path}`);
          assert.equal(reply.status, 403);
          answers.add(reply.error);
        }
      }
    }
    assert.deepEqual(
      [...answers],
      [
        'not authorized: this server only takes images in; launch and copy them from its public simplestreams remote',
      ],
    );
    assert.match((await client('/1.0/instances')).error, /^not found: this server only takes/);
    const trust = await client('/1.0/certificates?recursion=1');
    assert.match(trust.error, /is told on its own machine: bucketstreams gateway trust list/);
  });

  it('are given once for a token, and not after it expired', async () => {
    await using gateway = await gatewayFixture();
    const token = (expiresAt: number) =>
      gateway.trust.createToken({
        name: 'me',
        allow: [],
        expiresAt: new Date(expiresAt).toISOString(),
      });
    const post = { type: 'client', name: '' };
    const secret = await token(Date.now() + NEVER);
    assert.match(
      (await gateway.stranger('/1.0/certificates', { json: { ...post, password: secret } })).error,
      /no client certificate/,
    );
    const clients = await Promise.all([1, 2, 3, 4].map(() => gateway.newClient()));
    const answers = await Promise.all(
      clients.map((client) =>
        client('/1.0/certificates', { json: { ...post, trust_token: secret } }),
      ),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 403, 403, 403]);
    const joined = clients[answers.findIndex(({ status }) => status === 200)]!;
    assert.equal(field(await joined('/1.0'), 'metadata', 'auth'), 'trusted');
    const late = await gateway.newClient();
    const expired = { ...post, password: await token(Date.now() - 1) };
    assert.match((await late('/1.0/certificates', { json: expired })).error, /expired/);
    const whole = Buffer.from(
      JSON.stringify({ client_name: 'me', secret: await token(Date.now() + NEVER) }),
    );
    const asSent = { ...post, password: whole.toString('base64') };
    assert.equal((await late('/1.0/certificates', { json: asSent })).status, 200);
    await gateway.trust.remove('me');
    assert.equal((await late('/1.0/images')).status, 403);
  });

  it('are limited to its products', async () => {
    await using gateway = await gatewayFixture({ rest: 0 });
    const client = await gateway.trusted(['iats/*']);
    const upload = () => splitUpload(METADATA, SQUASHFS);
    const refused = await client('/1.0/images', aliased(upload(), 'other/1/vim'));
    assert.equal(refused.status, 403);
    assert.match(refused.error, /may not publish other\/1\/amd64\/vim/);
    // Its properties name another product, so it waits for an alias that is allowed.
    assert.equal((await client('/1.0/images', upload())).status, 202);
    const named = { json: { name: 'iats/bionic/vim', target: FINGERPRINT } };
    assert.equal((await client('/1.0/images/aliases', named)).status, 200);
    const keys = await gateway.keys();
    assert.equal(keys.length, 2);
    assert(
      keys.every((key) => key.startsWith('images/iats/bionic/amd64/vim/')),
      keys.join(),
    );
  });
});

describe('an upload', () => {
  it('gets its product from the alias in the upload, with unchanged metadata', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const reply = await client(
      '/1.0/images',
      aliased(splitUpload(METADATA, SQUASHFS), 'iats/x/vim'),
    );
    assert.equal(reply.status, 202);
    assert.equal(field(reply, 'metadata', 'status_code'), 200);
    assert.equal(field(reply, 'metadata', 'metadata', 'fingerprint'), FINGERPRINT);
    const [metadata = '', root = '', ...more] = await gateway.keys();
    assert.deepEqual(more, []);
    assert.match(metadata, /^images\/iats\/x\/amd64\/vim\/\d{8}_\d{4}\/lxd\.tar\.xz$/);
    assert.match(root, /rootfs\.squashfs$/);
    const { stream } = await gateway.store.read(metadata);
    assert.deepEqual(Buffer.concat(await stream.toArray()), METADATA);
  });

  it('gets its product from an alias that follows, or else from its properties', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    await client('/1.0/images', splitUpload(METADATA, SQUASHFS));
    assert.deepEqual(await gateway.keys('images/'), []);
    const alias = { json: { name: 'iats/x/amd64/vim', target: FINGERPRINT, description: '' } };
    assert.equal((await client('/1.0/images/aliases', alias)).status, 200);
    assert.equal((await client('/1.0/images/aliases', alias)).status, 200, 'the same again');
    for (const name of ['latest', 'iats/y/vim', 'iats/x/arm64/vim']) {
      const more = await client('/1.0/images/aliases', { json: { name, target: FINGERPRINT } });
      assert.equal(more.status, 409);
      assert.match(more.error, /is published as iats\/x\/amd64\/vim, .*by its product\.toml/);
    }
    assert.equal((await gateway.keys()).length, 2);

    await using hasty = await gatewayFixture({ rest: 0 });
    const other = await hasty.trusted();
    const properties = { 'x-lxd-properties': 'os=Alpine+Linux&release=3.20&variant=cloud' };
    await other('/1.0/images', withHeaders(splitUpload(METADATA, SQUASHFS), properties));
    const [key = ''] = await eventually(async () => {
      const keys = await hasty.keys('images/');
      return keys.length === 2 && keys;
    });
    assert.match(key, /^images\/alpine-linux\/3\.20\/amd64\/cloud\//);
    await eventually(async () => (await hasty.keys()).length === 2);
  });

  it('may have a tar as root, with any content that is not metadata', async () => {
    const link = { path: './bin', type: '2', link: 'usr/bin' };
    const trees: readonly (readonly ArchiveEntry[])[] = [
      [{ path: './' }, link, { path: './metadata.yaml', content: 'x' }],
      [{ path: 'templates/' }, { path: 'metadata.yaml', content: 'x' }, { path: 'usr/' }],
      [{ path: 'rootfs/' }, { path: 'rootfs.img', content: 'x' }],
    ];
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const tars = trees.map((tree) => gzipSync(tarArchive(tree)));
    // Our decoder cannot decompress it; others can.
    const roots = [...tars, Buffer.concat([Buffer.from('fd377a585a00', 'hex'), SQUASHFS])];
    for (const [n, root] of roots.entries()) {
      const reply = await client(
        '/1.0/images',
        aliased(splitUpload(METADATA, root), `iats/x/tar${n}`),
      );
      assert.equal(reply.status, 202, reply.error);
      const [, key = ''] = await gateway.keys(`images/iats/x/amd64/tar${n}/`);
      assert.match(key, /\/rootfs\.tar\.xz$/);
      const { stream } = await gateway.store.read(key);
      assert(Buffer.concat(await stream.toArray()).equals(root));
    }
  });

  it('of one file is stored whole', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const entries = [{ path: 'metadata.yaml', content: METADATA_YAML }, { path: 'rootfs/' }];
    const file = gzipSync(tarArchive([...entries, { path: 'rootfs/x', content: SQUASHFS }]));
    const headers = { 'content-type': 'application/octet-stream' };
    const upload = { body: Readable.from([file]), headers };
    const reply = await client('/1.0/images', aliased(upload, 'iats/x/uni'));
    assert.equal(field(reply, 'metadata', 'metadata', 'fingerprint'), fingerprintOf(file));
    const keys = await gateway.keys();
    assert.equal(keys.length, 1);
    assert.match(keys[0]!, /^images\/iats\/x\/amd64\/uni\/.*\/lxd_combined\.tar\.gz$/);
  });

  it('of one file may have any links in its rootfs/', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const links = [
      { path: 'rootfs/' },
      { path: 'rootfs/etc/mtab', type: '2', link: '/proc/mounts' },
      { path: 'rootfs/lib', type: '2', link: '../../usr/lib' },
    ];
    const reply = await client('/1.0/images', aliased(unified(links), 'iats/x/links'));
    assert.equal(reply.status, 202, reply.error);
  });

  it('survives a restart of the gateway while it waits', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    await client('/1.0/images', splitUpload(METADATA, SQUASHFS));
    const waiting = await client('/1.0/images?recursion=1');
    assert.equal((field(waiting, 'metadata') as unknown[]).length, 1);
    const { Staging: Staging } = await import('../../../src/gateway/staging.ts');
    const { ImageRegister } = await import('../../../src/gateway/image-register.ts');
    const { store } = gateway;
    const next = new Staging({
      store,
      log: () => undefined,
      now: Date.now,
      settle: 0,
      register: new ImageRegister(store),
      trust: gateway.trust,
    });
    await next.recover();
    await eventually(async () => (await gateway.keys('images/')).length === 2);
    await next.close();
  });

  it('is not continued from a record that no list could show', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    await client('/1.0/images', splitUpload(METADATA, SQUASHFS));
    const [key = ''] = (await gateway.keys()).filter((name) => name.endsWith('upload.json'));
    const { stream } = await gateway.store.read(key);
    const record = JSON.parse(Buffer.concat(await stream.toArray()).toString()) as object;
    const { parseStagedImage: parseWaitingImage } =
      await import('../../../src/gateway/staged-image.ts');
    const reread = (changed: object) =>
      parseWaitingImage(JSON.stringify({ ...record, ...changed }));
    assert.deepEqual(reread({}), record);
    assert.equal(reread({ creationDate: 1_700_000_000_000_000 }), undefined);
    assert.equal(reread({ uploadedAt: 'yesterday' }), undefined);
  });

  it('that is pushed needs the secret of its announcement, once', async () => {
    await using gateway = await gatewayFixture({ rest: NEVER });
    const client = await gateway.trusted();
    const announced = await client('/1.0/images', {
      json: {
        source: { type: 'image', mode: 'push', fingerprint: FINGERPRINT },
        aliases: [{ name: 'iats/x/pushed' }],
      },
    });
    const secret = field(announced, 'metadata', 'metadata', 'secret') as string;
    const push = (own: string, root = SQUASHFS) =>
      gateway.stranger(
        '/1.0/images',
        withHeaders(splitUpload(METADATA, root), { 'x-lxd-secret': own }),
      );
    assert.match((await push('wrong')).error, /secret is wrong/);
    const done = await push(secret);
    assert.equal(done.status, 202);
    const id = field(done, 'metadata', 'id') as string;
    const own = field(done, 'metadata', 'metadata', 'secret') as string;
    assert.equal((await gateway.stranger(`/1.0/operations/${id}/wait?secret=no`)).status, 403);
    const waited = await gateway.stranger(`/1.0/operations/${id}/wait?secret=${own}`);
    assert.equal(field(waited, 'metadata', 'status_code'), 200);
    assert.match((await push(secret)).error, /secret is wrong or used/);
    assert.equal((await gateway.keys('images/iats/x/amd64/pushed/')).length, 2);
  });
});

describe('a pull', () => {
  it('with an invalid certificate gets an error', async () => {
    await using gateway = await gatewayFixture();
    const client = await gateway.trusted();
    const source = { type: 'image', server: 'https://127.0.0.1:1', fingerprint: FINGERPRINT };
    const json = { source: { ...source, certificate: 'junk' } };
    const reply = await client('/1.0/images', { json });
    assert.equal(reply.status, 400);
    assert.match(reply.error, /the source's certificate cannot be read; one in PEM is expected/);
  });
});

describe('an upload that is rejected because it', () => {
  const cases: readonly [string, () => Asking, RegExp][] = [
    [
      'is another image',
      () => withHeaders(splitUpload(METADATA, SQUASHFS), { 'x-lxd-fingerprint': 'f'.repeat(64) }),
      /fingerprint is [0-9a-f]{64}, not f/,
    ],
    [
      'has its parts swapped',
      () => splitUpload(SQUASHFS, METADATA, ['rootfs', 'metadata']),
      /"metadata" must come first/,
    ],
    [
      'has their contents swapped',
      () => splitUpload(SQUASHFS, METADATA),
      /are metadata and root swapped/,
    ],
    [
      'has an absolute symlink beside its rootfs/',
      () => unified([{ path: 'templates', type: '2', link: '/etc' }, { path: 'rootfs/' }]),
      /its entry "templates" is a symlink/,
    ],
    [
      'leads out of itself beside its rootfs/',
      () => unified([{ path: 'templates/../../etc/x' }, { path: 'rootfs/' }]),
      /its entry "templates\/\.\.\/\.\.\/etc\/x" leads out of it/,
    ],
    [
      'has metadata for a root',
      () => splitUpload(METADATA, gzipSync(metadataTar('', [{ path: 'templates/x' }]))),
      /the root's archive cannot be used: it is metadata, and no root file system/,
    ],
    [
      'has an image for a root',
      () => splitUpload(METADATA, metadataTar('', [{ path: 'rootfs/' }, { path: 'rootfs/bin/' }])),
      /the root's archive cannot be used: it is a whole image/,
    ],
    [
      'has an empty archive for a root',
      () => splitUpload(METADATA, tarArchive([{ path: './' }])),
      /the root's archive cannot be used: there is no root file system in it/,
    ],
    [
      'has no archive in its compressed root',
      () => splitUpload(METADATA, gzipSync(Buffer.alloc(4096, 1))),
      /the root's archive cannot be used: a header in it has a damaged number/,
    ],
    [
      'lacks an architecture',
      () =>
        splitUpload(tarArchive([{ path: 'metadata.yaml', content: 'creation_date: 1' }]), SQUASHFS),
      /has no architecture/,
    ],
    [
      'was made in the year 53873',
      () =>
        splitUpload(
          tarArchive([
            {
              path: 'metadata.yaml',
              content: METADATA_YAML.replace(
                /creation_date: .*/,
                'creation_date: 1700000000000000',
              ),
            },
          ]),
          SQUASHFS,
        ),
      /has the creation_date 1700000000000000; a whole number of seconds/,
    ],
    [
      'has no YAML',
      () => splitUpload(tarArchive([{ path: 'metadata.yaml', content: '{' }]), SQUASHFS),
      /cannot be parsed/,
    ],
    [
      'has an absolute symlink',
      () =>
        splitUpload(metadataTar('', [{ path: 'templates', type: '2', link: '/etc' }]), SQUASHFS),
      /is a symlink/,
    ],
    [
      'is a bomb',
      () =>
        splitUpload(
          gzipSync(metadataTar('', [{ path: 'templates/x', content: Buffer.alloc(2 ** 27) }])),
          SQUASHFS,
        ),
      /more than \d+ bytes/,
    ],
    [
      'has an alias bomb',
      () => splitUpload(tarArchive([{ path: 'metadata.yaml', content: yamlBomb() }]), SQUASHFS),
      /cannot be parsed/,
    ],
    [
      'has no known root',
      () => splitUpload(METADATA, Buffer.from('raw disk')),
      /the root is of no kind/,
    ],
    [
      'names no product',
      () => aliased(splitUpload(METADATA, SQUASHFS), 'nonsense'),
      /names no product/,
    ],
    [
      'names two products',
      () =>
        withHeaders(splitUpload(METADATA, SQUASHFS), {
          'x-lxd-aliases': 'alias=a/b/c&alias=latest',
        }),
      /"latest" names no product/,
    ],
    [
      'is named for another architecture',
      () => aliased(splitUpload(METADATA, SQUASHFS), 'a/b/arm64/c'),
      /names the architecture arm64, and the image is for amd64/,
    ],
    [
      'is too large',
      () => splitUpload(METADATA, Buffer.concat([SQUASHFS, Buffer.alloc(2 ** 20)])),
      /larger than 1000000 bytes/,
    ],
    [
      'is no image',
      () => ({
        body: Readable.from([Buffer.from('hello')]),
        headers: { 'content-type': 'application/octet-stream' },
      }),
      /one file alone must be a tar/,
    ],
    [
      'ends early',
      () => ({
        ...splitUpload(METADATA, SQUASHFS),
        body: Readable.from([
          Buffer.from('--B0unDary\r\nContent-Disposition: form-data; name="metadata"\r\n\r\nxx'),
        ]),
      }),
      /ends before its last delimiter/,
    ],
  ];
  for (const [name, upload, reason] of cases) {
    it(`${name}: shows the reason and leaves nothing`, async () => {
      await using gateway = await gatewayFixture({ rest: NEVER, limits: { size: 1_000_000 } });
      const client = await gateway.trusted();
      for (const asking of [upload(), aliasedUnless(upload())]) {
        const reply = await client('/1.0/images', asking);
        assert(reply.status >= 400 && reply.status < 500, `${reply.status} ${reply.error}`);
        assert.match(reply.error, reason);
      }
      assert.deepEqual(await gateway.keys(), []);
    });
  }
});

/** Adds an alias, so that the upload is stored in the other way; unless it already has one. */
function aliasedUnless(asking: Asking): Asking {
  return asking.headers?.['x-incus-aliases'] || asking.headers?.['x-lxd-aliases']
    ? asking
    : aliased(asking, 'iats/x/vim');
}

function yamlBomb(): string {
  const levels = Array.from(
    { length: 9 },
    (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`,
  );
  return [METADATA_YAML.trimEnd(), 'a0: &a0 [x, x]', ...levels, ''].join('\n');
}
