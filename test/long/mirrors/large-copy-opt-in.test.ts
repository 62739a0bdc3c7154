import assert from 'node:assert/strict';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { cliOutput, startCli } from '../../support/cli.ts';
import { peakMemory } from '../../support/peak-memory.ts';
import { makeBucket } from '../../support/services/bucket.ts';
import { startMinio } from '../../support/services/minio.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const SIZE = 5.5 * 1024 ** 3;
const VERSION = 'images/iats/xenial/amd64/default/20240101';

/** Needs 12 GiB of disk and some minutes: run it with `npm run test:long`. */
describe('a root that is too large for one PUT', { timeout: 900_000 }, () => {
  it('is copied to a mirror and back in bounded memory', async () => {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder()).path;
    const minio = await startMinio();
    stack.defer(() => minio.stop());
    await makeBucket(minio, 'images');
    const env = { AWS_ACCESS_KEY_ID: minio.accessKey, AWS_SECRET_ACCESS_KEY: minio.secretKey };
    const bucket = `s3://images?endpoint=${minio.endpoint}`;
    await mkdir(join(folder, 'data', VERSION), { recursive: true });
    await writeFile(join(folder, 'data', VERSION, 'lxd.tar.xz'), 'metadata');
    const root = await open(join(folder, 'data', VERSION, 'rootfs.squashfs'), 'w');
    await root.truncate(SIZE);
    await root.close();
    await cliOutput(['update', '--store', `file:${folder}/data`]);

    const there = join(folder, 'there.toml');
    await writeFile(
      there,
      `[store]\nmaster = "file:${folder}/data"\n[mirrors.one]\nstore = "${bucket}"\n`,
    );
    const upload = await peakOf(['mirror', 'sync', '--config', there], env);
    const back = join(folder, 'back.toml');
    await cliOutput(['update', '--store', bucket], { env });
    await writeFile(
      back,
      `[store]\nmaster = "${bucket}"\n[mirrors.two]\nstore = "file:${folder}/two"\n`,
    );
    const download = await peakOf(['mirror', 'sync', '--config', back], env);
    await cliOutput(['verify', '--config', back, '--mirror', 'two'], { env });
    const peaks = `${upload} MB up, ${download} MB down`;
    console.log(`peak memory: ${peaks}`);
    assert.ok(upload < 200 && download < 200, peaks);
  });
});

/** Runs a command that must succeed. Gives its peak memory in MB. */
async function peakOf(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const running = startCli(args, { env });
  const over = { is: false };
  void running.ended.then(() => (over.is = true));
  let peak = 0;
  while (!over.is) {
    // A process that has just ended has no value.
    const now = await peakMemory(running.child.pid ?? 0).catch(() => 0);
    peak = Math.max(peak, Number.isNaN(now) ? 0 : now);
    await delay(100);
  }
  const { code, stderr } = await running.ended;
  assert.equal(code, 0, stderr);
  return Math.round(peak);
}
