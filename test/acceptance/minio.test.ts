import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Client } from 'minio';
import {
  ARCHITECTURE,
  buildBusyboxImage,
  type BusyboxFile,
} from '../support/images/busybox-image.ts';
import { cliOutput } from '../support/cli.ts';
import { readImages } from '../support/clients.ts';
import { run } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type InstanceDaemon,
} from '../support/servers/instance-daemon.ts';
import { serveStore, type ServeProcess } from '../support/program.ts';
import { untilListed } from '../support/published.ts';
import { greetingFrom, listImages } from '../support/images/remote-images.ts';
import { MINIO_WEBHOOK_ARN, startMinio, type S3Service } from '../support/services/minio.ts';
import { freePort } from '../support/services/service.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { pythonProgram } from '../support/tools.ts';

const TOKEN = 'token-of-the-test';
const DAY = 24 * 60 * 60;
const VERSIONS = ['20240101_00:00', '20240102_00:00', '20240103_00:00'];
const ALL = VERSIONS.flatMap((version) => [`${version} container`, `${version} virtual-machine`]);

const resources = new AsyncDisposableStack();
const daemons = new Map<string, InstanceDaemon>();
let folder: string;
let minio: S3Service;
let keys: NodeJS.ProcessEnv;
let server: ServeProcess;

before(async () => {
  folder = resources.use(await temporaryFolder()).path;
  const port = await freePort();
  minio = await startMinio({
    webhook: {
      endpoint: `http://127.0.0.1:${String(port)}/`,
      token: TOKEN,
      queueDir: join(folder, 'events'),
    },
  });
  resources.defer(() => minio.stop());
  keys = {
    AWS_ACCESS_KEY_ID: minio.accessKey,
    AWS_SECRET_ACCESS_KEY: minio.secretKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: minio.endpoint,
  };
  const store = `s3://images?endpoint=${minio.endpoint}&region=us-east-1`;
  await cliOutput(
    ['init', '--store', store, '--create-bucket', '--minio-events', MINIO_WEBHOOK_ARN],
    { env: keys, cwd: folder },
  );
  server = resources.use(
    await serveStore({
      store,
      state: join(folder, 'state'),
      // The scan interval is long, so images are found only by their events.
      args: ['--events-listen', `127.0.0.1:${String(port)}`, '--scan-every', String(DAY)],
      env: { ...keys, BUCKETSTREAMS_EVENTS_TOKEN: TOKEN },
    }),
  );
  for (const kind of DAEMON_KINDS) {
    const daemon = resources.use(await startDaemon(kind, { trust: server.caFile }));
    await daemon.client('remote', 'add', 'hub', server.url, '--protocol=simplestreams');
    daemons.set(kind, daemon);
  }
});
after(() => resources.disposeAsync());

describe('an image copied into a bucket of MinIO', () => {
  it('is listed after aws s3 cp --recursive has sent a tree', async () => {
    const tree = join(folder, 'tree');
    const version = join(tree, `images/iats/xenial/${ARCHITECTURE}/default/20180716_12:00`);
    await buildBusyboxImage(version, 'sent by aws s3 cp');
    await run(pythonProgram('aws'), ['s3', 'cp', '--recursive', '--quiet', tree, 's3://images/'], {
      env: keys,
    });
    await untilListed(server, `iats:xenial:${ARCHITECTURE}:default`, '20180716_12:00');
  });

  for (const kind of DAEMON_KINDS) {
    it(`${kind} launches it`, async () => {
      const alias = `hub:iats/xenial/${ARCHITECTURE}/default`;
      assert.equal(await greetingFrom(daemons.get(kind)!, alias), 'sent by aws s3 cp\n');
    });
  }

  it('is listed whatever the order in which its files and its versions arrive', async () => {
    const files: readonly BusyboxFile[] = [
      'lxd.tar.xz',
      'rootfs.squashfs',
      'disk.qcow2',
      'SHA256SUMS',
    ];
    const path = `images/shuffled/static/${ARCHITECTURE}/default`;
    const uploads: string[] = [];
    for (const version of VERSIONS) {
      await buildBusyboxImage(join(folder, 'shuffled', path, version), `of ${version}`, files);
      uploads.push(...files.map((file) => `${path}/${version}/${file}`));
    }
    const order = shuffled(uploads);
    const client = new Client({
      endPoint: '127.0.0.1',
      port: Number(new URL(minio.endpoint).port),
      useSSL: false,
      accessKey: minio.accessKey,
      secretKey: minio.secretKey,
    });
    for (const key of order) {
      await client.fPutObject('images', key, join(folder, 'shuffled', key));
    }
    await eventually(async () => {
      const images = readImages(await server.get('/streams/v1/images.json')).imagesFor('incus');
      const seen = images.filter(({ product }) => product.startsWith('shuffled:'));
      assert.deepEqual(
        seen.map(({ version, type }) => `${version} ${type}`).toSorted(),
        ALL,
        `The order was ${order.join(', ')}. Log:\n${server.log()}`,
      );
      return true;
    });
  });

  for (const kind of DAEMON_KINDS) {
    it(`${kind} lists every version, and launches the newest`, async () => {
      const daemon = daemons.get(kind)!;
      await daemon.letAnHourPass();
      const images = await listImages(daemon, 'hub:');
      const seen = images
        .filter(({ serial }) => serial.startsWith('2024'))
        .map(({ serial, type }) => `${serial} ${type}`);
      assert.deepEqual(seen.toSorted(), ALL);
      assert.equal(await greetingFrom(daemon, 'hub:shuffled/static'), 'of 20240103_00:00\n');
    });
  }
});

function shuffled<T>(items: readonly T[]): readonly T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
