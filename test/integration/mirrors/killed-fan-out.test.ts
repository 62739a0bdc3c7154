import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { createHasher } from '../../../src/images/hasher.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { createContext } from '../../../src/pipeline/context.ts';
import { enumerateStore } from '../../../src/pipeline/enumerate.ts';
import { openDirectoryStore } from '../../../src/storage/directory-store.ts';
import { openS3Store } from '../../../src/storage/s3-store.ts';
import { runCli, startCli } from '../../support/cli.ts';
import { startReader } from '../../support/mirror-reader.ts';
import { projection } from '../../support/pipeline-fixture.ts';
import { randomMaster } from '../../support/random-master.ts';
import { makeBucket, storeOptions, unfinishedUploads } from '../../support/services/bucket.ts';
import { startMinio } from '../../support/services/minio.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const KILLS = 12;

describe('a fan-out process that is killed again and again', () => {
  it('lies at no moment, and the next one mends what is left', { timeout: 180_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder()).path;
    const service = await startMinio();
    stack.defer(() => service.stop());
    await makeBucket(service, 'images');
    const mirror = openS3Store(storeOptions(service, 'images'));
    stack.defer(() => mirror.close());
    await mkdir(join(folder, 'data'));
    const master = await openDirectoryStore({ path: join(folder, 'data'), settleMs: 0 });
    stack.defer(() => master.close());
    const url = `s3://images?endpoint=${service.endpoint}`;
    await writeFile(
      join(folder, 'bucketstreams.toml'),
      `[mirrors.one]\nstore = "${url}"\ncredentials = "env:ONE"\n`,
    );
    const env = { ONE_ACCESS_KEY_ID: service.accessKey, ONE_SECRET_ACCESS_KEY: service.secretKey };
    const args = ['mirror', 'sync', '--removal-grace', '0'];
    const context = createContext({
      store: master,
      hasher: createHasher({ threads: 0 }),
      log: silentLogger,
    });
    await enumerateStore(context);

    const reader = startReader(mirror);
    stack.defer(() => reader.stop().catch(() => undefined));
    const random = randomMaster(context, 'killed');
    for (let kill = 0; kill < KILLS; kill++) {
      for (let step = 0; step < 5; step++) await random.step();
      const running = startCli(args, { cwd: folder, env });
      // It takes some 600 ms to begin; the rest is chance, as it is in life.
      await delay(500 + Math.random() * 900);
      running.child.kill('SIGKILL');
      await running.ended;
    }
    const last = await runCli(args, { cwd: folder, env });
    assert.equal(last.code, 0, last.stderr);
    for (const key of ['streams/v1/images.json', 'streams/v1/index.json']) {
      assert.equal(await projection(mirror, key), await projection(master, key));
    }
    await reader.stop();
    assert.ok(reader.observations() > KILLS);
    // S3 keeps the parts of what was cut short until a lifecycle rule takes them; small files leave none.
    assert.equal(await unfinishedUploads(service, 'images'), 0);
  });
});
