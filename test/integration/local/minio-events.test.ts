import assert from 'node:assert/strict';
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { eventsSource } from '../../../src/local/changes/change-sources.ts';
import { cliOutput } from '../../support/cli.ts';
import { readImages } from '../../support/clients.ts';
import { run } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { randomImage, type ImageBytes } from '../../support/images/image-files.ts';
import { serveStore, type ServeProcess } from '../../support/program.ts';
import { untilListed } from '../../support/published.ts';
import { rawClient } from '../../support/services/bucket.ts';
import { MINIO_WEBHOOK_ARN, startMinio, type S3Service } from '../../support/services/minio.ts';
import { freePort } from '../../support/services/service.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { pythonProgram } from '../../support/tools.ts';

const TOKEN = 'token-of-the-test';
const DAY = 24 * 60 * 60;
const PRODUCT = 'images/iats/xenial/amd64/default';
const NAME = 'iats:xenial:amd64:default';

const resources = new AsyncDisposableStack();
let folder: string;
let queue: string;
let port: number;
let minio: S3Service;
let keys: NodeJS.ProcessEnv;
let client: S3Client;
let server: ServeProcess;

before(async () => {
  folder = resources.use(await temporaryFolder()).path;
  queue = join(folder, 'events');
  port = await freePort();
  const endpoint = `http://127.0.0.1:${String(port)}/`;
  minio = await startMinio({ webhook: { endpoint, token: TOKEN, queueDir: queue } });
  resources.defer(() => minio.stop());
  client = rawClient(minio);
  resources.defer(() => client.destroy());
  keys = {
    AWS_ACCESS_KEY_ID: minio.accessKey,
    AWS_SECRET_ACCESS_KEY: minio.secretKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: minio.endpoint,
  };
  const events = ['--create-bucket', '--minio-events', MINIO_WEBHOOK_ARN];
  await cliOutput(['init', '--store', store(), ...events], { env: keys, cwd: folder });
});
after(() => resources.disposeAsync());

const store = () => `s3://images?endpoint=${minio.endpoint}&region=us-east-1`;

/** A server that scans at its start, and after that learns of changes only from events. */
const start = () =>
  serveStore({
    store: store(),
    state: join(folder, 'state'),
    args: ['--events-listen', `127.0.0.1:${String(port)}`, '--scan-every', String(DAY)],
    env: { ...keys, BUCKETSTREAMS_EVENTS_TOKEN: TOKEN },
  });

async function put(version: string, { metadata, root }: ImageBytes): Promise<void> {
  for (const [name, Body] of Object.entries({ 'lxd.tar.xz': metadata, 'rootfs.squashfs': root })) {
    const Key = `${PRODUCT}/${version}/${name}`;
    await client.send(new PutObjectCommand({ Bucket: 'images', Key, Body }));
  }
}

const aws = (...args: readonly string[]) => run(pythonProgram('aws'), args, { env: keys });

const untilGone = (version: string) =>
  eventually(async () => {
    const images = readImages(await server.get('/streams/v1/images.json')).imagesFor('lxd');
    return images.every((image) => image.version !== version);
  });

/** The number of events that MinIO has not delivered yet. */
async function undelivered(): Promise<number> {
  const entries = await readdir(queue, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).length;
}

describe('objects that change in a bucket of MinIO, reported by its webhook', () => {
  beforeEach(async () => {
    server = await start();
  });
  afterEach(() => server[Symbol.asyncDispose]());

  it('are listed again when they are overwritten', async () => {
    const [before, now] = [randomImage(), randomImage()];
    await put('20240101', before);
    await untilListed(server, NAME, '20240101', before.fingerprint);
    await put('20240101', now);
    await untilListed(server, NAME, '20240101', now.fingerprint);
  });

  it('are no longer listed when they are removed, one file or all', async () => {
    const image = randomImage();
    await put('20240102', image);
    await untilListed(server, NAME, '20240102', image.fingerprint);
    const Key = `${PRODUCT}/20240102/rootfs.squashfs`;
    await client.send(new DeleteObjectCommand({ Bucket: 'images', Key }));
    await untilGone('20240102');
    await put('20240102', image);
    await untilListed(server, NAME, '20240102', image.fingerprint);
    await aws('s3', 'rm', '--recursive', `s3://images/${PRODUCT}/20240102/`);
    await untilGone('20240102');
  });

  it('are listed under their new keys when they are moved', async () => {
    const image = randomImage();
    await put('20240103', image);
    await untilListed(server, NAME, '20240103', image.fingerprint);
    const from = `s3://images/${PRODUCT}/20240103/`;
    await aws('s3', 'mv', '--recursive', from, `s3://images/${PRODUCT}/20240104/`);
    await untilListed(server, NAME, '20240104', image.fingerprint);
    await untilGone('20240103');
  });
});

describe('objects that are stored in MinIO while the server is down', () => {
  const image = randomImage();

  it('wait as events in its queue, and are delivered to the next listener', async () => {
    await put('20240201', image);
    await eventually(async () => (await undelivered()) >= 2);
    // Only the endpoint runs, without the scan at a server's start.
    const dirty = new Set<string>();
    const listen = eventsSource(
      { host: '127.0.0.1', port },
      { token: TOKEN, bucket: 'images', log: () => undefined },
    );
    const source = await listen((prefixes) => {
      for (const prefix of prefixes) dirty.add(prefix);
    });
    try {
      await eventually(() => dirty.has(`${PRODUCT}/20240201/`));
      await eventually(async () => (await undelivered()) === 0);
    } finally {
      await source.close();
    }
  });

  it('are found by the scan at its start when no event is left', async () => {
    assert.equal(await undelivered(), 0);
    server = await start();
    try {
      await untilListed(server, NAME, '20240201', image.fingerprint);
    } finally {
      await server[Symbol.asyncDispose]();
    }
  });
});
