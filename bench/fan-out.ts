import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { createHasher } from '../src/hashing/hasher.ts';
import { silentLogger } from '../test/support/silent-logger.ts';
import { createContext } from '../src/pipeline/context.ts';
import { update } from '../src/pipeline/indexing/update.ts';
import { openS3Store } from '../src/storage/s3/store.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { makeBucket, rawClient, storeOptions } from '../test/support/services/bucket.ts';
import { goBinary } from '../test/support/services/binary.ts';
import { startMinio, type S3Service } from '../test/support/services/minio.ts';
import { temporaryFolder } from '../test/support/temporary.ts';
import { line, runOnce, summarise } from './harness.ts';

/**
 * Compares `mirror sync` with `rclone sync`, from one MinIO to another, into an empty mirror each
 * time. `mirror sync` also proves every byte, orders what it publishes and writes the ledger;
 * rclone only copies.
 *
 *     node bench/fan-out.ts VERSIONS KIB LARGE GIB PAIRS
 */
const [versions = 1000, kib = 64, large = 4, gib = 1, pairs = 3] = process.argv
  .slice(2)
  .map(Number);
const BUCKET = 'images';

await using stack = new AsyncDisposableStack();
const start = async (): Promise<S3Service> => {
  const service = await startMinio();
  stack.defer(() => service.stop());
  await makeBucket(service, BUCKET);
  return service;
};
const [from, to] = [await start(), await start()];
const rclone = await goBinary('rclone');
configureRclone('from', from);
configureRclone('to', to);
const folder = stack.use(await temporaryFolder()).path;
const url = ({ endpoint }: S3Service) => `s3://${BUCKET}?endpoint=${endpoint}`;
await writeFile(
  join(folder, 'bucketstreams.toml'),
  `[store]\nmaster = "${url(from)}"\n[mirrors.to]\nstore = "${url(to)}"\n`,
);
// The two servers have the same keys.
process.env['AWS_ACCESS_KEY_ID'] = from.accessKey;
process.env['AWS_SECRET_ACCESS_KEY'] = from.secretKey;
process.env['AWS_REGION'] = 'us-east-1';

for (const [name, count, size] of [
  [`${versions} versions of ${kib} KiB`, versions, kib * 1024],
  [`${large} versions of ${gib} GiB`, large, gib * 1024 ** 3],
] as const) {
  if (count === 0) continue;
  await fill(count, size);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    ours.push(await timed(syncOurs));
    theirs.push(await timed(syncTheirs));
  }
  const ratios = ours.map((seconds, at) => seconds / (theirs[at] ?? NaN));
  console.log(line(`${name}: mirror sync`, summarise(ours), ' s'));
  console.log(line(`${name}: rclone sync`, summarise(theirs), ' s'));
  console.log(line(`${name}: ratio`, summarise(ratios)));
  await empty(from);
}

async function timed(sync: () => Promise<number>): Promise<number> {
  await empty(to);
  return sync();
}

async function syncOurs(): Promise<number> {
  const program = join(import.meta.dirname, '../bin/bucketstreams.js');
  const config = join(folder, 'bucketstreams.toml');
  const run = await runOnce([
    process.execPath,
    ...(process.env.PROF ? ['--cpu-prof', '--cpu-prof-dir=/tmp/prof'] : []),
    program,
    'mirror',
    'sync',
    '--config',
    config,
  ]);
  return run.seconds;
}

/**
 * `aws s3 sync` copies between two services only through a folder; rclone streams, as `mirror sync`
 * does.
 */
async function syncTheirs(): Promise<number> {
  const flags = ['--config', '/dev/null', '--s3-no-check-bucket'];
  const run = await runOnce([
    rclone,
    'sync',
    `from:${BUCKET}/images`,
    `to:${BUCKET}/images`,
    ...flags,
  ]);
  return run.seconds;
}

function configureRclone(name: string, { endpoint, accessKey, secretKey }: S3Service): void {
  const values = {
    TYPE: 's3',
    PROVIDER: 'Minio',
    ENDPOINT: endpoint,
    ACCESS_KEY_ID: accessKey,
    SECRET_ACCESS_KEY: secretKey,
  };
  for (const [key, value] of Object.entries(values)) {
    process.env[`RCLONE_CONFIG_${name.toUpperCase()}_${key}`] = value;
  }
}

async function fill(count: number, size: number): Promise<void> {
  const store = openS3Store(storeOptions(from, BUCKET));
  for (let at = 0; at < count; at++) {
    const prefix = `images/bench/one/amd64/default/20240101_${String(at).padStart(4, '0')}/`;
    await store.write(`${prefix}lxd.tar.xz`, randomBytes(500));
    await upload(store, `${prefix}rootfs.squashfs`, size);
  }
  const hasher = createHasher();
  await update(createContext({ store, hasher, log: silentLogger }));
  await hasher.close();
  await store.close();
}

async function upload(store: ObjectStore, key: string, size: number): Promise<void> {
  const block = randomBytes(Math.min(size, 8 * 1024 * 1024));
  async function* body() {
    for (let left = size; left > 0; left -= block.length) {
      // No two blocks of an image are equal.
      block.writeDoubleLE(Math.random(), 0);
      yield Buffer.from(block.subarray(0, Math.min(left, block.length)));
      await Promise.resolve();
    }
  }
  await store.upload(key, body(), { size });
}

async function empty(service: S3Service): Promise<void> {
  const store = openS3Store(storeOptions(service, BUCKET));
  const client = rawClient(service);
  const keys = (await Array.fromAsync(store.list(''))).map(({ key }) => ({ Key: key }));
  for (let at = 0; at < keys.length; at += 1000) {
    const Delete = { Objects: keys.slice(at, at + 1000) };
    await client.send(new DeleteObjectsCommand({ Bucket: BUCKET, Delete }));
  }
  client.destroy();
  await store.close();
}
