import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { IMAGES_KEY } from '../src/facts/delivery-policy.ts';
import { parseProductPath } from '../src/images/layout.ts';
import { openDirectoryStore } from '../src/storage/directory/store.ts';
import type { ObjectStore } from '../src/storage/object-store.ts';
import { openS3Store } from '../src/storage/s3/store.ts';
import { placeVersion } from '../src/publishing/place-version.ts';
import { recogniseFiles } from '../src/publishing/recognise.ts';
import { serveStore } from '../test/support/program.ts';
import { cliOutput } from '../test/support/cli.ts';
import { storeOptions } from '../test/support/services/bucket.ts';
import { MINIO_WEBHOOK_ARN, startMinio } from '../test/support/services/minio.ts';
import { freePort } from '../test/support/services/service.ts';
import { METADATA_YAML, tarArchive } from '../test/support/images/tar-archive.ts';
import { temporaryFolder } from '../test/support/temporary.ts';
import { line, summarise } from './harness.ts';

// Measures the time from the end of an upload to the images.json that lists it, with a running
// `serve`.

const uploads = Number(process.argv[2] ?? 20);
const there = Number(process.argv[3] ?? 1000);
const POLL_MS = 5;
const TOKEN = 'a-token-of-the-bench';

/** Stores a version's files, metadata first. Resolves when the last byte is stored. */
type Upload = (version: string) => Promise<void>;

const image = () => ({
  metadata: tarArchive([
    { path: 'metadata.yaml', content: METADATA_YAML },
    { path: 'templates/id', content: randomBytes(16) },
  ]),
  root: Buffer.concat([Buffer.from('hsqs'), randomBytes(1_000_000)]),
});
const PRODUCT = 'bench/1/amd64/default';

/**
 * Waits until the public list matches. Gives the moment, in milliseconds, at which that was seen.
 */
async function untilListed(store: ObjectStore, fits: (list: string) => boolean): Promise<number> {
  let etag: string | undefined;
  for (;;) {
    const info = await store.stat(IMAGES_KEY);
    if (info !== undefined && info.etag !== etag) {
      etag = info.etag;
      const seen = performance.now();
      const list = await buffer((await store.read(IMAGES_KEY)).stream).catch(() => undefined);
      // The list was replaced while it was read: read it again.
      if (list === undefined) etag = undefined;
      else if (fits(list.toString())) return seen;
    }
    await sleep(POLL_MS);
  }
}

async function measure(what: string, store: ObjectStore, upload: Upload): Promise<void> {
  const seconds: number[] = [];
  for (let at = 0; at <= uploads; at += 1) {
    const version = `20260101_${what.length}${String(at).padStart(4, '0')}`;
    await upload(version);
    const ended = performance.now();
    const listed = await untilListed(store, (list) => list.includes(`"${version}"`));
    // The first version warms up the server.
    if (at > 0) seconds.push((listed - ended) / 1000);
    // The pause varies, so that uploads are not in step with anything that happens once a second.
    await sleep(300 + Math.random() * 1000);
  }
  console.log(line(what, summarise(seconds), ' s'));
}

/** The versions that exist before the measurement, spread over ten products. */
async function fill(put: (key: string, body: Buffer) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < there; at += 1) {
    const day = String(Math.floor(at / 10)).padStart(4, '0');
    const prefix = `images/bench/${at % 10}/amd64/other/20250101_${day}`;
    await put(`${prefix}/rootfs.squashfs`, randomBytes(1000));
    await put(`${prefix}/lxd.tar.xz`, randomBytes(500));
  }
}

const allThere = (list: string) => (list.match(/"20250101_/g) ?? []).length >= there;

async function measureDirectory(): Promise<void> {
  await using folder = await temporaryFolder();
  const data = join(folder.path, 'data');
  const write = async (key: string, body: Buffer) => {
    await mkdir(join(data, key, '..'), { recursive: true });
    await writeFile(join(data, key), body);
  };
  await fill(write);
  const store = await openDirectoryStore({ path: data });
  const state = join(folder.path, 'state');
  const server = await serveStore({ store: `file:${data}`, state, args: ['--gateway', 'off'] });
  try {
    await untilListed(store, allThere);
    await measure('directory, copied by another program', store, async (version) => {
      const { metadata, root } = image();
      await write(`images/${PRODUCT}/${version}/lxd.tar.xz`, metadata);
      await write(`images/${PRODUCT}/${version}/rootfs.squashfs`, root);
    });
    await measure('directory, stored by publish', store, async (version) => {
      const { metadata, root } = image();
      const paths = [join(folder.path, 'metadata'), join(folder.path, 'root')] as const;
      await writeFile(paths[0], metadata);
      await writeFile(paths[1], root);
      const files = await recogniseFiles(paths);
      await placeVersion(store, {
        product: parseProductPath(PRODUCT)!,
        files,
        version,
        now: Date.now(),
      });
    });
  } finally {
    await server[Symbol.asyncDispose]();
    await store.close();
  }
}

async function measureMinio(): Promise<void> {
  await using folder = await temporaryFolder();
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}/`;
  const minio = await startMinio({
    webhook: { endpoint, token: TOKEN, queueDir: join(folder.path, 'events') },
  });
  const url = `s3://images?endpoint=${minio.endpoint}&region=us-east-1`;
  const env = {
    AWS_ACCESS_KEY_ID: minio.accessKey,
    AWS_SECRET_ACCESS_KEY: minio.secretKey,
    BUCKETSTREAMS_EVENTS_TOKEN: TOKEN,
  };
  const store = openS3Store(storeOptions(minio, 'images'));
  try {
    await cliOutput(
      ['init', '--store', url, '--create-bucket', '--minio-events', MINIO_WEBHOOK_ARN],
      { env, cwd: folder.path },
    );
    await fill((key, body) => store.write(key, body));
    const args = ['--events-listen', `127.0.0.1:${port}`, '--gateway', 'off'];
    const state = join(folder.path, 'state');
    await using server = await serveStore({ store: url, state, args, env });
    await untilListed(store, allThere);
    await measure('MinIO and its webhook', store, async (version) => {
      const { metadata, root } = image();
      await store.write(`images/${PRODUCT}/${version}/lxd.tar.xz`, metadata);
      await store.write(`images/${PRODUCT}/${version}/rootfs.squashfs`, root);
    });
    if (server.log().includes('error:')) console.error(server.log());
  } finally {
    await store.close();
    await minio.stop();
  }
}

console.log(
  `${uploads} uploads each, of 1 MB, beside ${there} versions: median (shortest to longest)`,
);
await measureDirectory();
await measureMinio();
