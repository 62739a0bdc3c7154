import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { cliOutput, startCli } from '../../support/cli.ts';
import { startDaemon, type InstanceDaemon } from '../../support/servers/instance-daemon.ts';
import { makeLargeImage } from '../../support/images/large-image.ts';
import { peakMemory } from '../../support/peak-memory.ts';
import { makeBucket } from '../../support/services/bucket.ts';
import { startMinio } from '../../support/services/minio.ts';
import { temporaryFolder } from '../../support/temporary.ts';

/** MB. */
const MOST = 150;
const FORMS = ['split', 'unified'] as const;

/** Needs root, LXD 5, 30 GiB of disk and some minutes: run it with `npm run test:long`. */
describe('an image of 4 GiB that lxc copies to the gateway', { timeout: 1_800_000 }, () => {
  const resources = new AsyncDisposableStack();
  let folder: string;
  let source: InstanceDaemon;

  before(async () => {
    folder = resources.use(await temporaryFolder()).path;
    source = resources.use(await startDaemon('lxd'));
    for (const form of FORMS) {
      const files = await makeLargeImage(folder, form, 4);
      await source.client('image', 'import', ...files, '--alias', form);
    }
  });
  after(() => resources.disposeAsync());

  async function pushTo(name: string, store: string, env: NodeJS.ProcessEnv): Promise<void> {
    const places = ['--store', store, '--state', join(folder, `state-${name}`)];
    const gateway = startCli(['gateway', ...places, '--port', '0'], {
      env: { ...process.env, NODE_OPTIONS: undefined, ...env },
    });
    try {
      await once(createInterface(gateway.child.stdout!), 'line');
      const token = (await cliOutput(['gateway', 'token', name, ...places], { env })).trim();
      await source.client('remote', 'add', name, token);
      for (const form of FORMS) {
        const alias = `large/${form}/default`;
        await source.client('image', 'copy', form, `${name}:`, '--mode=push', '--alias', alias);
        const peak = await peakMemory(gateway.child.pid!);
        console.log(`${form}, ${name}: ${peak.toFixed(0)} MB at the peak so far`);
        assert.ok(peak < MOST, `${peak} MB`);
      }
    } finally {
      gateway.child.kill('SIGTERM');
      await gateway.ended;
    }
  }

  it(`is stored in a directory with less than ${MOST} MB, with default settings, split and unified`, () =>
    pushTo('directory', `file:${folder}/data`, {}));

  it(`is stored in a bucket with less than ${MOST} MB, with default settings, split and unified`, async () => {
    const minio = await startMinio();
    resources.defer(() => minio.stop());
    await makeBucket(minio, 'images');
    await pushTo('bucket', `s3://images?endpoint=${minio.endpoint}`, {
      AWS_ACCESS_KEY_ID: minio.accessKey,
      AWS_SECRET_ACCESS_KEY: minio.secretKey,
    });
  });
});
