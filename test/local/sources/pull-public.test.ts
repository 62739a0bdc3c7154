import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { cliOutput, runCli, startCli } from '../../support/cli.ts';
import { eventually } from '../../support/eventually.ts';
import {
  bytesOf,
  linuxContainers,
  startPublicUpstream,
  ubuntuCloud,
  type UpstreamFiles,
} from '../../support/servers/public-upstream.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const ALPINE = 'images/alpine/3.19/amd64/default';
const JAMMY = 'images/ubuntu/jammy/amd64/default';
const STEM = 'server/releases/jammy/release-20240101/ubuntu-22.04-server-cloudimg-amd64';

async function scene(t: TestContext, files: UpstreamFiles, prefix?: string) {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const upstream = await startPublicUpstream(files, prefix);
  t.after(() => upstream.close());
  const [ca, store] = [join(folder.path, 'ca.crt'), join(folder.path, 'store')];
  await writeFile(ca, upstream.authority);
  const command = (...args: string[]) => [
    ...['pull', upstream.url, '--store', `file:${store}`, '--ca', ca],
    ...args,
  ];
  return { upstream, store, command, pull: (...args: string[]) => runCli(command(...args)) };
}

/** The keys below `images/`, in order, without unfinished files, whose names start with a dot. */
async function images(store: string): Promise<string[]> {
  const entries = await readdir(join(store, 'images'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name).slice(store.length + 1))
    .sort();
}

/** Indexes and verifies the store. Returns the products that are public. */
async function update(store: string) {
  await cliOutput(['update', '--store', `file:${store}`]);
  await cliOutput(['verify', '--store', `file:${store}`]);
  const body = await readFile(join(store, 'streams/v1/images.json'), 'utf8');
  const { products } = JSON.parse(body) as { products: Record<string, Product> };
  return products;
}

interface Product {
  readonly aliases: string;
  readonly release_title: string;
  readonly versions: Record<string, { readonly items: Record<string, Record<string, unknown>> }>;
}

describe('pull from servers of other projects', () => {
  it('takes what images.linuxcontainers.org lists, with the same fingerprints', async (t) => {
    const files = linuxContainers();
    const { upstream, store, pull } = await scene(t, files);
    const ended = await pull('-p', 'alpine/3.*/amd64', '--newest', '2');
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    assert.match(ended.stdout, /^2 versions are here; 8 files copied/);
    assert.match(ended.stdout, /2 of them are not indexed yet: .* run `bucketstreams update`/);
    const names = ['disk.qcow2', 'incus.tar.xz', 'lxd.tar.xz', 'rootfs.squashfs'];
    assert.deepEqual(await images(store), [
      ...names.map((name) => `${ALPINE}/20240102_13:00/${name}`),
      ...names.map((name) => `${ALPINE}/20240103_13:00/${name}`),
      `${ALPINE}/product.toml`,
    ]);
    for (const name of names) {
      const key = `${ALPINE}/20240103_13:00/${name}`;
      assert.deepEqual(await readFile(join(store, key)), files.get(key));
    }
    assert.ok(!upstream.requests.some((path) => path.endsWith('.vcdiff')));

    const ours = (await update(store))['alpine:3.19:amd64:default']!;
    const theirs = (
      JSON.parse(String(files.get('streams/v1/images.json'))) as {
        products: Record<string, Product>;
      }
    ).products['alpine:3.19:amd64:default']!;
    for (const field of ['combined_squashfs_sha256', 'combined_disk-kvm-img_sha256']) {
      const fingerprint = ({ versions }: Product) =>
        Object.values(versions['20240103_13:00']!.items).find(
          ({ ftype }) => ftype === 'incus.tar.xz',
        )?.[field];
      assert.match(String(fingerprint(theirs)), /^[0-9a-f]{64}$/);
      assert.equal(fingerprint(ours), fingerprint(theirs), field);
    }
    const again = await pull('-p', 'alpine/3.*/amd64', '--newest', '2');
    assert.match(again.stdout, /^2 versions are here; 0 files copied/);
    assert.doesNotMatch(again.stdout, /not indexed/);
  });

  it('takes what cloud-images.ubuntu.com lists below a path, and reports what it cannot take', async (t) => {
    const files = ubuntuCloud();
    const { upstream, store, pull } = await scene(t, files, 'releases/');
    const ended = await pull('-p', 'ubuntu/jammy', '--newest', '1');
    assert.equal(ended.code, 1, 'something that was asked for is not here');
    assert.match(ended.stdout, /^1 versions are here; 4 files copied/);
    assert.match(
      ended.stderr,
      /^ubuntu:jammy:amd64:default 20240115: .*\.squashfs has no SHA-256, so nothing could check it$/m,
    );
    assert.match(
      ended.stderr,
      /^ubuntu:jammy:amd64:default current: .*does not start with a date/m,
    );
    const places = {
      'disk1.img': `${STEM}.img`,
      'lxd.tar.xz': `${STEM}-lxd.tar.xz`,
      'rootfs.squashfs': `${STEM}.squashfs`,
      'rootfs.tar.xz': `${STEM}-root.tar.xz`,
    };
    assert.deepEqual(await images(store), [
      ...Object.keys(places).map((name) => `${JAMMY}/20240101/${name}`),
      `${JAMMY}/product.toml`,
    ]);
    for (const [name, path] of Object.entries(places)) {
      const body = await readFile(join(store, JAMMY, '20240101', name));
      assert.deepEqual(body, files.get(path), name);
    }
    const lists = upstream.requests.filter((path) => path.startsWith('streams/'));
    assert.deepEqual(lists, [
      'streams/v1/index.json',
      'streams/v1/com.ubuntu.cloud:released:download.json',
    ]);
    const { aliases, release_title } = (await update(store))['ubuntu:jammy:amd64:default']!;
    assert.equal(release_title, '22.04 LTS');
    for (const alias of ['ubuntu/jammy', '22.04', 'lts']) {
      assert.ok(aliases.split(',').includes(alias), `${alias} in ${aliases}`);
    }
  });

  it('rejects bytes that do not match, names them, and keeps the valid ones', async (t) => {
    const files = ubuntuCloud();
    const { store, pull } = await scene(t, files);
    files.set(`${STEM}.squashfs`, bytesOf('something else', 40_000));
    const ended = await pull('-p', 'ubuntu');
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stdout, /^1 versions are here/, 'the other version comes all the same');
    const refused =
      /^ubuntu:jammy:amd64:default 20240101: \S+amd64\.squashfs of https:\S+ is not the 40000 bytes with the SHA-256 [0-9a-f]{64} that its list tells of; it was not stored/m;
    assert.match(ended.stderr, refused);
    const stored = async () =>
      (await images(store)).filter((key) => key.startsWith(`${JAMMY}/20240101/`));
    const before = await stored();
    assert.ok(!before.some((key) => /rootfs\.squashfs|lxd\.tar\.xz/.test(key)), before.join());
    files.set(`${STEM}.squashfs`, Buffer.alloc(10));
    assert.match((await pull('-p', 'ubuntu')).stderr, refused, 'too short');
    files.set(`${STEM}.squashfs`, Buffer.alloc(50_000));
    assert.match((await pull('-p', 'ubuntu')).stderr, refused, 'too long');
    assert.deepEqual(await stored(), before);
  });

  it('continues after it was killed, and fetches no complete file twice', async (t) => {
    const files = linuxContainers();
    const { upstream, store, command } = await scene(t, files);
    const stuck = `${ALPINE}/20240102_13:00/rootfs.squashfs`;
    upstream.stuck.add(stuck);
    const running = startCli(command('-p', 'alpine/3.19/amd64'));
    const whole = await eventually(async () => {
      if (!upstream.requests.includes(stuck)) return false;
      const keys = await images(store);
      // The complete versions, and the file before the unfinished one.
      return keys.length === 9 && keys;
    });
    running.child.kill('SIGKILL');
    assert.equal((await running.ended).signal, 'SIGKILL');
    assert.ok(!(await images(store)).includes(stuck), 'half a file has no name');

    upstream.stuck.clear();
    upstream.requests.length = 0;
    await cliOutput(command('-p', 'alpine/3.19/amd64'));
    const fetched = upstream.requests.filter((path) => path.startsWith('images/'));
    assert.deepEqual(
      fetched.filter((path) => whole.includes(path)),
      [],
    );
    assert.deepEqual(fetched.sort(), [
      `${ALPINE}/20240102_13:00/incus.tar.xz`,
      `${ALPINE}/20240102_13:00/lxd.tar.xz`,
      stuck,
    ]);
    for (const key of (await images(store)).filter((one) => !one.endsWith('.toml'))) {
      assert.deepEqual(await readFile(join(store, key)), files.get(key), key);
    }
    assert.equal(
      Object.keys((await update(store))['alpine:3.19:amd64:default']!.versions).length,
      3,
    );
  });
});
