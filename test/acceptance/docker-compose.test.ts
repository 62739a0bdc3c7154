import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ARCHITECTURE, buildBusyboxImage } from '../support/busybox-image.ts';
import { readImages } from '../support/clients.ts';
import { loadBaseImages } from '../support/docker-bases.ts';
import { startDocker, type DockerEngine } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { pythonProgram } from '../support/tools.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const VERSION = '20240101_12:00';
const PATH = `images/busybox/static/${ARCHITECTURE}/default/${VERSION}`;

const resources = new AsyncDisposableStack();
let folder: string;
let engine: DockerEngine;

const compose = (...args: readonly string[]): Promise<string> =>
  engine.docker(['compose', ...args], { cwd: CHECKOUT });

/** Reads a path of the front as a client in the compose file's own surroundings does. */
async function get(path: string): Promise<Buffer> {
  const target = join(folder, 'body');
  const options = ['--silent', '--show-error', '--fail', '--cacert', join(folder, 'ca.crt')];
  await engine.inside('curl', [
    ...options,
    ...['--output', target, `https://localhost:8443${path}`],
  ]);
  return readFile(target);
}

before(async () => {
  folder = resources.use(await temporaryFolder()).path;
  engine = resources.use(await startDocker());
  await loadBaseImages(engine);
});
after(() => resources.disposeAsync());

describe('docker compose up', () => {
  it('starts a bucket and a server that lists nothing', async () => {
    await compose('up', '--detach');
    await eventually(async () => {
      await compose('cp', 'bucketstreams:/state/tls/ca.crt', join(folder, 'ca.crt'));
      const { document } = readImages(await get('/streams/v1/images.json'));
      assert.deepEqual(document.products, {});
      return true;
    }).catch(async (error: unknown) => {
      throw new Error(await compose('logs'), { cause: error });
    });
  });

  it('lists what aws s3 cp puts into the bucket', async () => {
    const { directory } = await buildBusyboxImage(join(folder, 'image'), 'from a bucket');
    await engine.inside(
      pythonProgram('aws'),
      [
        ...['--endpoint-url', 'http://127.0.0.1:9000', 's3', 'cp', '--recursive', '--quiet'],
        ...[directory, `s3://images/${PATH}`],
      ],
      {
        env: {
          AWS_ACCESS_KEY_ID: 'bucketstreams',
          AWS_SECRET_ACCESS_KEY: 'bucketstreams',
          AWS_DEFAULT_REGION: 'us-east-1',
        },
      },
    );
    // By its event: the next enumeration of the whole bucket is five minutes away.
    const image = await eventually(async () => {
      const images = readImages(await get('/streams/v1/images.json'));
      return images.imagesFor('incus').find(({ version }) => version === VERSION);
    }).catch(async (error: unknown) => {
      throw new Error(await compose('logs'), { cause: error });
    });
    const root = image.files.find(({ path }) => path.endsWith('rootfs.squashfs'));
    assert.equal(root?.path, `${PATH}/rootfs.squashfs`);
    assert.deepEqual(
      await get(`/${root.path}`),
      await readFile(join(directory, 'rootfs.squashfs')),
    );
  });

  it('keeps everything when it is taken down and brought up again', async () => {
    await compose('down');
    await compose('up', '--detach');
    await eventually(async () => {
      const images = readImages(await get('/streams/v1/images.json'));
      return images.imagesFor('lxd').some(({ version }) => version === VERSION);
    });
    await compose('down', '--volumes');
  });
});
