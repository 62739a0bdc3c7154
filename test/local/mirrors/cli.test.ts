import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { cliOutput, runCli, startServe } from '../../support/cli.ts';
import { eventually } from '../../support/eventually.ts';
import { placeImage, randomImage } from '../../support/images/image-files.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const VERSION = 'iats/xenial/amd64/default/20240101_1200';

async function scene(t: TestContext, mirrors: readonly string[]) {
  const folder = await temporaryFolder();
  t.after(() => folder[Symbol.asyncDispose]());
  const cwd = folder.path;
  for (const name of ['data', ...mirrors]) await mkdir(join(cwd, name));
  await writeFile(
    join(cwd, 'bucketstreams.toml'),
    mirrors.map((name) => `[mirrors.${name}]\nstore = "file:./${name}"\n`).join('\n'),
  );
  return { cwd, data: join(cwd, 'data') };
}

async function streams(directory: string): Promise<string> {
  const body = await readFile(join(directory, 'streams/v1/images.json'), 'utf8');
  return body.replace(/^\{"generation":\{[^}]*\},/, '{');
}

describe('the command line and mirrors', () => {
  it('synchronises all mirrors, shows their states, and verifies one', async (t) => {
    const { cwd, data } = await scene(t, ['one', 'two']);
    await placeImage(data, VERSION, randomImage());
    await cliOutput(['update'], { cwd });
    const before = JSON.parse(await cliOutput(['status', '--json'], { cwd })) as MirrorsJson;
    assert.deepEqual(
      before.mirrors.map(({ missingVersions }) => missingVersions),
      [1, 1],
    );
    const results = JSON.parse(await cliOutput(['mirror', 'sync', '--json'], { cwd })) as Result[];
    assert.deepEqual(
      results.map(({ name, copied, error }) => [name, copied, error]),
      [
        ['one', 2, null],
        ['two', 2, null],
      ],
    );
    for (const name of ['one', 'two']) {
      assert.equal(await streams(join(cwd, name)), await streams(data));
    }
    const after = JSON.parse(await cliOutput(['status', '--json'], { cwd })) as MirrorsJson;
    for (const mirror of after.mirrors) {
      assert.deepEqual([mirror.behind, mirror.missingVersions, mirror.problems], [0, 0, []]);
    }
    assert.match(await cliOutput(['verify', '--mirror', 'two'], { cwd }), /all is right/);
    await writeFile(join(cwd, 'two/images', VERSION, 'rootfs.squashfs'), 'spoiled');
    assert.equal((await runCli(['verify', '--mirror', 'two'], { cwd })).code, 1);
    assert.equal((await runCli(['verify', '--mirror', 'one'], { cwd })).code, 0);
  });

  it('reports what is wrong with one mirror and synchronises the others', async (t) => {
    const { cwd, data } = await scene(t, ['one', 'two']);
    await placeImage(data, VERSION, randomImage());
    await cliOutput(['update'], { cwd });
    await mkdir(join(cwd, 'one/streams/v1'), { recursive: true });
    await writeFile(join(cwd, 'one/streams/v1/images.json'), '{"products":{}}');
    const ended = await runCli(['mirror', 'sync'], { cwd });
    assert.equal(ended.code, 1);
    assert.match(ended.stderr, /one: .*another program.*mirror sync one --adopt/);
    assert.equal(await streams(join(cwd, 'two')), await streams(data));
    const failing = JSON.parse(await cliOutput(['status', '--json'], { cwd })) as MirrorsJson;
    assert.match(failing.mirrors[0]?.lastError?.message ?? '', /another program/);
    assert.equal(failing.mirrors[0]?.lastError?.until, null);
    assert.equal(failing.mirrors[1]?.lastError, null);
    assert.match(await cliOutput(['status'], { cwd }), /Last error {2}one, since 20.*another/);
    await cliOutput(['mirror', 'sync', 'one', '--adopt'], { cwd });
    const mended = JSON.parse(await cliOutput(['status', '--json'], { cwd })) as MirrorsJson;
    assert.match(mended.mirrors[0]?.lastError?.until ?? '', /^20/);
    assert.match(await cliOutput(['status'], { cwd }), /Last error {2}one, from 20.* until 20/);
    assert.equal(await streams(join(cwd, 'one')), await streams(data));
  });

  it('rejects a mirror that is not configured', async (t) => {
    const { cwd } = await scene(t, ['paris']);
    const ended = await runCli(['mirror', 'sync', 'pairs'], { cwd });
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /did you mean paris/);
    assert.equal((await runCli(['mirror', 'sink'], { cwd })).code, 2);
    assert.equal((await runCli(['mirror', 'sync', '--adopt'], { cwd })).code, 2);
  });

  it('serve keeps mirrors up to date by itself', async (t) => {
    const { cwd, data } = await scene(t, ['one']);
    const server = await startServe(data, [], { cwd });
    try {
      await placeImage(data, VERSION, randomImage());
      await eventually(async () => (await streams(join(cwd, 'one'))).includes('20240101_1200'));
      await rm(join(data, 'images', VERSION), { recursive: true });
      await eventually(async () => !(await streams(join(cwd, 'one'))).includes('20240101_1200'));
    } finally {
      await server.stop();
    }
  });
});

interface MirrorsJson {
  readonly mirrors: readonly {
    readonly behind: number | null;
    readonly missingVersions: number;
    readonly problems: readonly string[];
    readonly lastError: { readonly message: string; readonly until: string | null } | null;
  }[];
}

interface Result {
  readonly name: string;
  readonly copied: number;
  readonly error: string | null;
}
