import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createHasher } from '../../../src/hashing/hasher.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { createContext } from '../../../src/pipeline/context.ts';
import { scanStore } from '../../../src/pipeline/indexing/scan.ts';
import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { openS3Store } from '../../../src/storage/s3/store.ts';
import { runCli, startCli } from '../../support/cli.ts';
import { startReader } from '../../support/stores/mirror-reader.ts';
import { projection } from '../../support/stores/pipeline-fixture.ts';
import { randomMaster } from '../../support/stores/random-master.ts';
import { makeBucket, storeOptions, unfinishedUploads } from '../../support/services/bucket.ts';
import { startMinio } from '../../support/services/minio.ts';
import { startSickProxy, type Sickness } from '../../support/servers/sick-proxy.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const KILLS = 12;
/**
 * The process is killed at a random write, one of the first WRITES writes to the mirror that is
 * well.
 */
const WRITES = 10;
/** At least this many kills have to meet a process at work and a mirror that is not up to date. */
const HITS = 6;
const MIRRORS = ['well', 'sick'];
const SICKNESSES: readonly Sickness[] = ['slow', 'unavailable', 'read-only', 'none'];
const SEED = process.env.SEED ?? randomBytes(4).toString('hex');

async function isEqual(master: ObjectStore, mirror: ObjectStore): Promise<boolean> {
  for (const key of ['streams/v1/images.json', 'streams/v1/index.json']) {
    if ((await projection(mirror, key)) !== (await projection(master, key))) return false;
  }
  return true;
}

describe('a fan-out process that is killed again and again', () => {
  it('never publishes a wrong name; the next run completes it', { timeout: 240_000 }, async (t) => {
    t.diagnostic(`SEED=${SEED}`);
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder()).path;
    await mkdir(join(folder, 'data'));
    const master = await openDirectoryStore({ path: join(folder, 'data'), settleMs: 0 });
    stack.defer(() => master.close());
    const service = await startMinio();
    stack.defer(() => service.stop());
    const env = {
      ALL_ACCESS_KEY_ID: service.accessKey,
      ALL_SECRET_ACCESS_KEY: service.secretKey,
    };
    const places = await Promise.all(
      MIRRORS.map(async (name) => {
        await makeBucket(service, name);
        const proxy = await startSickProxy(service.endpoint);
        stack.defer(() => proxy.close());
        const direct = openS3Store(storeOptions(service, name));
        stack.defer(() => direct.close());
        return { name, proxy, direct };
      }),
    );
    const [well, sick] = [places[0]!, places[1]!];
    await writeFile(
      join(folder, 'bucketstreams.toml'),
      places
        .map(
          ({ name, proxy }) =>
            `[mirrors.${name}]\nstore = "s3://${name}?endpoint=${proxy.endpoint}"\ncredentials = "env:ALL"\n`,
        )
        .join('\n'),
    );
    const args = ['mirror', 'sync', '--removal-grace', '0'];
    const context = createContext({
      store: master,
      hasher: createHasher({ threads: 0 }),
      log: silentLogger,
    });
    await scanStore(context);
    const readers = places.map(({ direct }) => startReader(direct));
    for (const reader of readers) stack.defer(() => reader.stop().catch(() => undefined));

    const random = randomMaster(context, SEED);
    const hits = { killed: 0, partWay: 0, sickToo: 0 };
    for (let kill = 0; kill < KILLS; kill++) {
      for (let step = 0; step < 5; step++) await random.step();
      sick.proxy.sickness = SICKNESSES[kill % SICKNESSES.length]!;
      const digest = createHash('sha256').update(`${SEED} kill ${kill}`).digest();
      let left = 1 + (digest.readUInt32LE() % WRITES);
      const running = startCli(args, { cwd: folder, env });
      well.proxy.onWrite = () => {
        left -= 1;
        if (left === 0) running.child.kill('SIGKILL');
      };
      const { signal } = await running.ended;
      well.proxy.onWrite = undefined;
      if (signal !== 'SIGKILL') continue;
      hits.killed += 1;
      if (!(await isEqual(master, well.direct))) hits.partWay += 1;
      if (!(await isEqual(master, sick.direct))) hits.sickToo += 1;
    }
    t.diagnostic(JSON.stringify(hits));
    assert.ok(hits.killed >= HITS && hits.partWay >= HITS && hits.sickToo >= HITS, `SEED=${SEED}`);

    sick.proxy.sickness = 'none';
    const last = await runCli(args, { cwd: folder, env });
    assert.equal(last.code, 0, `SEED=${SEED} ${last.stderr}`);
    for (const { name, direct } of places) {
      assert.ok(await isEqual(master, direct), `${name} converges; SEED=${SEED}`);
      // S3 keeps the parts of interrupted uploads until a lifecycle rule removes them. Small files
      // leave no parts.
      assert.equal(await unfinishedUploads(service, name), 0);
    }
    for (const reader of readers) {
      await reader.stop();
      assert.ok(reader.observations() > KILLS);
    }
  });
});
