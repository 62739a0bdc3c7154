import assert from 'node:assert/strict';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cliOutput, runCli } from '../../support/cli.ts';
import { run } from '../../support/command.ts';
import { placeImage, randomImage } from '../../support/images/image-files.ts';
import { makeBucket, rawClient } from '../../support/services/bucket.ts';
import { startMinio, type S3Service } from '../../support/services/minio.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const PRODUCT = 'images/iats/xenial/amd64/default';
const GOOD = `${PRODUCT}/20240101`;

const resources = new AsyncDisposableStack();
let minio: S3Service;
let store: readonly string[];
let env: NodeJS.ProcessEnv;
let folder: string;

before(async () => {
  folder = resources.use(await temporaryFolder()).path;
  minio = await startMinio();
  resources.defer(() => minio.stop());
  await makeBucket(minio, 'images');
  store = ['--store', `s3://images?endpoint=${minio.endpoint}&region=us-east-1`];
  env = { AWS_ACCESS_KEY_ID: minio.accessKey, AWS_SECRET_ACCESS_KEY: minio.secretKey };
});
after(() => resources.disposeAsync());

describe('keys of a bucket that cannot be images', () => {
  it('are reported, and the valid keys beside them are published', async () => {
    const bad = [
      '20240102+1',
      '2024%30102',
      '20240102?',
      '2024#0102',
      '2024 0102',
      'läst',
      'latest',
    ];
    const client = rawClient(minio);
    const put = (Key: string) =>
      client.send(new PutObjectCommand({ Bucket: 'images', Key, Body: Key }));
    for (const version of bad) await put(`${PRODUCT}/${version}/lxd.tar.xz`);
    for (const file of ['lxd.tar.xz', 'rootfs.squashfs']) await put(`${GOOD}/${file}`);
    client.destroy();
    await cliOutput(['update', ...store], { env, cwd: folder });
    const printed = await cliOutput(['list', '--all', '--json', ...store], { env, cwd: folder });
    const entries = JSON.parse(printed) as { key?: string; state: string; reason: string | null }[];
    assert.equal(entries.filter(({ state }) => state === 'published').length, 1);
    const refused = entries.filter(({ state }) => state === 'refused');
    assert.deepEqual(
      refused.map(({ key }) => key).sort(),
      bad.map((version) => `${PRODUCT}/${version}/lxd.tar.xz`).sort(),
    );
    for (const { key, reason } of refused) assert.match(reason ?? '', /version/, key);
  });
});

describe('a bucket that denies access or cannot be reached', () => {
  const commands = [
    'list',
    'list --all',
    'status',
    'verify',
    'update',
    'init --no-config',
    'prune --keep 1',
    'serve --port 0 --gateway off',
    'watch',
    'gateway --port 0',
    'publish -p iats/xenial/amd64/default --version 20240109 root.squashfs',
    'remove iats/xenial/amd64/default/20240101 --yes',
    'mirror sync --config mirrored.toml',
    'pull http://127.0.0.1:1 --product *',
  ];
  before(async () => {
    await writeFile(join(folder, 'root.squashfs'), 'hsqs and more');
    const mirror = `[mirrors.paris]\nstore = "file:${join(folder, 'paris')}"\n`;
    await writeFile(join(folder, 'mirrored.toml'), mirror);
  });

  for (const command of commands) {
    it(`${command} ends with 3 and names the bucket`, async () => {
      const args = [...command.split(' '), ...store];
      const denied = await runCli(args, {
        env: { ...env, AWS_SECRET_ACCESS_KEY: 'not-the-password' },
        cwd: folder,
      });
      assert.equal(denied.code, 3, denied.stderr + denied.stdout);
      assert.match(denied.stderr, /s3:\/\/images/);
      assert.match(denied.stderr, /denied|credentials|access/i);
    });
  }

  it('is not treated as empty when it does not exist', async () => {
    const url = `s3://nowhere?endpoint=${minio.endpoint}&region=us-east-1`;
    for (const command of commands) {
      const args = [...command.split(' '), '--store', url];
      const { code, stderr } = await runCli(args, { env, cwd: folder });
      assert.equal(code, 3, `${command}: ${stderr}`);
      assert.match(stderr, /nowhere.*the bucket does not exist/, command);
    }
  });
});

describe('a directory on a full disk', () => {
  it('keeps what is public, reports that it is full, and works again once there is space', async () => {
    const disk = join(folder, 'disk');
    await run('mkdir', [disk]);
    await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]);
    try {
      const place = ['--store', `file:${disk}`];
      await placeImage(disk, 'busybox/1.36/amd64/default/20250101', randomImage());
      await cliOutput(['update', ...place], { cwd: folder });
      await placeImage(disk, 'busybox/1.36/amd64/default/20250102', randomImage());
      await run('sh', ['-c', `cat /dev/zero > ${disk}/filler 2>/dev/null || true`]);
      const full = await runCli(['update', ...place], { cwd: folder });
      assert.equal(full.code, 1, full.stderr);
      assert.match(full.stderr, /full|space/);
      assert.match(await cliOutput(['verify', ...place], { cwd: folder }), /all is right/);
      assert.doesNotMatch(await cliOutput(['list', ...place], { cwd: folder }), /20250102/);
      await run('rm', [join(disk, 'filler')]);
      await cliOutput(['update', ...place], { cwd: folder });
      assert.match(await cliOutput(['list', ...place], { cwd: folder }), /20250102/);
    } finally {
      await run('umount', [disk]);
    }
  });
});
