import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ARCHITECTURE, buildBusyboxImage } from '../support/images/busybox-image.ts';
import { cliOutput } from '../support/cli.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type InstanceDaemon,
} from '../support/servers/instance-daemon.ts';
import { serveStore } from '../support/program.ts';
import { greetingFrom, listImages } from '../support/images/remote-images.ts';
import { temporaryFolder } from '../support/temporary.ts';

const PRODUCT = `busybox/static/${ARCHITECTURE}/default`;

const resources = new AsyncDisposableStack();
const daemons = new Map<string, InstanceDaemon>();
let folder: string;
let store: string;

/** Publishes an image's files, whose names do not show their kinds. Returns `PRODUCT/VERSION`. */
async function publish(message: string, ...options: readonly string[]): Promise<string> {
  const { directory } = await buildBusyboxImage(join(folder, message), message);
  const [metadata, root] = [join(directory, 'a'), join(directory, 'b')];
  await rename(join(directory, 'lxd.tar.xz'), metadata);
  await rename(join(directory, 'rootfs.squashfs'), root);
  const fixed = ['publish', '--store', store, '--product', PRODUCT, '--wait', '--json'];
  const printed = await cliOutput([...fixed, ...options, root, metadata]);
  return `${PRODUCT}/${(JSON.parse(printed) as { version: string }).version}`;
}

before(async () => {
  folder = resources.use(await temporaryFolder()).path;
  store = `file:${join(folder, 'data')}`;
  const server = resources.use(await serveStore({ store, state: join(folder, 'state') }));
  for (const kind of DAEMON_KINDS) {
    const daemon = resources.use(await startDaemon(kind, { trust: server.caFile }));
    await daemon.client('remote', 'add', 'hub', server.url, '--protocol=simplestreams');
    daemons.set(kind, daemon);
  }
});
after(() => resources.disposeAsync());

describe('bucketstreams publish and remove', () => {
  let newest: string;

  it('publishes two versions that clients find', async () => {
    const old = await publish('old', '--version', '20240101_1200');
    assert.equal(old, `${PRODUCT}/20240101_1200`);
    newest = await publish('new');
    assert.match(newest.slice(PRODUCT.length), /^\/20\d{6}_\d{4}$/);
  });

  for (const kind of DAEMON_KINDS) {
    it(`${kind} launches the version with the time of now`, async () => {
      assert.equal(await greetingFrom(daemons.get(kind)!, 'hub:busybox/static'), 'new\n');
    });
  }

  it('removes the newest version', async () => {
    await cliOutput(['remove', '--store', store, '--yes', newest]);
  });

  for (const kind of DAEMON_KINDS) {
    it(`${kind} uses the previous version again`, async () => {
      const daemon = daemons.get(kind)!;
      await daemon.letAnHourPass();
      const serials = (await listImages(daemon, 'hub:')).map(({ serial }) => serial);
      assert.deepEqual(serials, ['20240101_1200']);
      // A daemon launches an alias from its own copy of the image.
      for (const { fingerprint } of await listImages(daemon, 'local:')) {
        await daemon.client('image', 'delete', fingerprint);
      }
      assert.equal(await greetingFrom(daemon, 'hub:busybox/static'), 'old\n');
    });
  }
});
