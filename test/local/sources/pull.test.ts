import assert from 'node:assert/strict';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { cliOutput, runCli, startServe } from '../../support/cli.ts';
import { placeImage, randomImage } from '../../support/images/image-files.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const ALPINE = 'alpine/3.19/amd64/default';

/** Runs `use` with an upstream that serves three products, and an empty store. */
async function withUpstream(
  t: TestContext,
  use: (scene: {
    readonly upstream: string;
    readonly store: string;
    readonly pull: (...args: string[]) => ReturnType<typeof runCli>;
  }) => Promise<void>,
): Promise<void> {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const [upstream, store] = [join(folder.path, 'upstream'), join(folder.path, 'store')];
  for (const version of [
    `${ALPINE}/20240101_1200`,
    `${ALPINE}/20240102_1200`,
    'alpine/edge/amd64/default/20240101_1200',
    'debian/12/amd64/default/20240101_1200',
  ]) {
    await placeImage(upstream, version, randomImage());
  }
  await writeFile(
    join(upstream, 'images', ALPINE, 'product.toml'),
    'aliases = ["alpine/stable"]\nrelease_title = "Alpine \\"3.19\\""\n[requirements]\nsecureboot = "false"\n',
  );
  await cliOutput(['update', '--store', `file:${upstream}`]);
  const server = await startServe(upstream);
  const ca = join(upstream, '.bucketstreams/tls/ca.crt');
  try {
    await use({
      upstream,
      store,
      pull: (...args) =>
        runCli(['pull', server.url, '--store', `file:${store}`, '--ca', ca, '--json', ...args]),
    });
  } finally {
    await server.stop();
  }
}

function copiedBy({ stdout }: { readonly stdout: string }): number {
  return (JSON.parse(stdout) as { copiedFiles: number }).copiedFiles;
}

describe('pull', () => {
  it('copies the chosen versions with their properties, and then nothing more', async (t) => {
    await withUpstream(t, async ({ upstream, store, pull }) => {
      const first = await pull('--product', 'alpine/3.*', '--newest', '1');
      assert.equal(first.code, 0, first.stderr);
      assert.equal(copiedBy(first), 2);
      for (const name of ['lxd.tar.xz', 'rootfs.squashfs']) {
        const key = join('images', ALPINE, '20240102_1200', name);
        assert.deepEqual(await readFile(join(store, key)), await readFile(join(upstream, key)));
      }
      await assert.rejects(stat(join(store, 'images', ALPINE, '20240101_1200')));
      await assert.rejects(stat(join(store, 'images/debian')));

      const again = await pull('--product', 'alpine/3.*', '--newest', '1');
      assert.equal(copiedBy(again), 0);
      const more = await pull('-p', 'alpine/*/amd64', '-p', 'debian');
      assert.equal(copiedBy(more), 6);

      await cliOutput(['update', '--store', `file:${store}`]);
      const products = async (at: string) =>
        (
          JSON.parse(await readFile(join(at, 'streams/v1/images.json'), 'utf8')) as {
            products: unknown;
          }
        ).products;
      assert.deepEqual(await products(store), await products(upstream));
    });
  });

  it('continues after it was stopped, and overwrites nothing', async (t) => {
    await withUpstream(t, async ({ store, pull }) => {
      await pull('-p', 'debian');
      const folder = join(store, 'images/debian/12/amd64/default/20240101_1200');
      await rm(join(folder, 'lxd.tar.xz'));
      assert.equal(copiedBy(await pull('-p', 'debian')), 1);
      await writeFile(join(folder, 'rootfs.squashfs'), 'mine');
      const ended = await pull('-p', 'debian');
      assert.equal(ended.code, 1);
      assert.match(ended.stdout, /is here with other bytes/);
      assert.equal(await readFile(join(folder, 'rootfs.squashfs'), 'utf8'), 'mine');
    });
  });

  it('rejects bytes that do not match the list', async (t) => {
    await withUpstream(t, async ({ upstream, store, pull }) => {
      // The list has not changed: serve finds the change only after a while, or not at all.
      const root = join(upstream, 'images/debian/12/amd64/default/20240101_1200/rootfs.squashfs');
      const list = join(upstream, 'streams/v1/images.json');
      const text = await readFile(list, 'utf8');
      await writeFile(list, text.replaceAll(/"sha256":"[0-9a-f]{4}/g, '"sha256":"dead'));
      assert.ok((await stat(root)).size > 0);
      const ended = await pull('-p', 'debian');
      assert.equal(ended.code, 1, ended.stderr);
      assert.match(ended.stdout, /is not the \d+ bytes with the SHA-256 dead[0-9a-f]{60} that its/);
      await assert.rejects(
        stat(join(store, 'images/debian/12/amd64/default/20240101_1200/rootfs.squashfs')),
      );
    });
  });

  it('requires https and a choice', async () => {
    assert.equal((await runCli(['pull', 'http://images.example.org', '-p', 'a'])).code, 2);
    assert.equal((await runCli(['pull', 'https://images.example.org'])).code, 2);
    assert.equal((await runCli(['pull', 'https://images.example.org', '-p', 'a/b/c/d/e'])).code, 2);
  });
});
