import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  ARCHITECTURE,
  buildBusyboxImage,
  type BusyboxFile,
} from '../support/images/busybox-image.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type InstanceDaemon,
} from '../support/servers/instance-daemon.ts';
import { serveStore, type ServeProcess } from '../support/program.ts';
import { untilListed } from '../support/published.ts';
import { greetingFrom, listImages } from '../support/images/remote-images.ts';
import { temporaryFolder } from '../support/temporary.ts';

const resources = new AsyncDisposableStack();
const daemons = new Map<string, InstanceDaemon>();
let folder: string;
let server: ServeProcess;

const FIRST = '20240101_12:00';
const SECOND = '20240102_12:00';
const PRODUCT = `busybox:static:${ARCHITECTURE}:default`;

/** Copies a new image into the store, as `cp -r` does. */
async function upload(
  path: string,
  version: string,
  message: string,
  files: readonly BusyboxFile[],
): Promise<void> {
  const built = join(folder, 'built', path, version);
  await buildBusyboxImage(built, message, files);
  await cp(built, join(folder, 'data/images', path, version), { recursive: true });
}

async function fingerprint(version: string, ...files: readonly BusyboxFile[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    hash.update(
      await readFile(join(folder, `built/busybox/static/${ARCHITECTURE}/default`, version, file)),
    );
  }
  return hash.digest('hex');
}

before(async () => {
  folder = resources.use(await temporaryFolder()).path;
  server = resources.use(
    await serveStore({ store: `file:${join(folder, 'data')}`, state: join(folder, 'state') }),
  );
  for (const kind of DAEMON_KINDS) {
    daemons.set(kind, resources.use(await startDaemon(kind, { trust: server.caFile })));
  }
});
after(() => resources.disposeAsync());

describe('an image copied into a directory', () => {
  for (const kind of DAEMON_KINDS) {
    it(`${kind} lists an empty store as a store without images`, async () => {
      const daemon = daemons.get(kind)!;
      await daemon.client('remote', 'add', 'hub', server.url, '--protocol=simplestreams');
      assert.deepEqual(await listImages(daemon, 'hub:'), []);
      await daemon.letAnHourPass();
    });
  }

  it('is listed soon after the copy', async () => {
    await upload(`busybox/static/${ARCHITECTURE}/default`, FIRST, 'first version', [
      'lxd.tar.xz',
      'rootfs.squashfs',
      'SHA256SUMS',
    ]);
    await untilListed(server, PRODUCT, FIRST);
  });

  for (const kind of DAEMON_KINDS) {
    it(`${kind} lists it once, under its aliases and its fingerprint`, async () => {
      const images = await listImages(daemons.get(kind)!, 'hub:');
      assert.equal(images.length, 1);
      const [image] = images;
      assert.equal(image!.fingerprint, await fingerprint(FIRST, 'lxd.tar.xz', 'rootfs.squashfs'));
      assert.equal(image!.type, 'container');
      assert.equal(image!.serial, FIRST);
      for (const alias of [
        'busybox/static',
        'busybox/static/default',
        `busybox/static/${ARCHITECTURE}/default`,
      ]) {
        assert.ok(image!.aliases.includes(alias), `${alias} in ${String(image!.aliases)}`);
      }
    });

    it(`${kind} shows it by an alias`, async () => {
      const info = await daemons.get(kind)!.client('image', 'info', 'hub:busybox/static');
      const whole = await fingerprint(FIRST, 'lxd.tar.xz', 'rootfs.squashfs');
      assert.ok(info.startsWith(`Fingerprint: ${whole}\n`), info);
      assert.match(info, new RegExp(`serial: ${FIRST}`));
    });

    it(`${kind} copies it and launches the copy`, async () => {
      const daemon = daemons.get(kind)!;
      const path = `hub:busybox/static/${ARCHITECTURE}/default`;
      await daemon.client('image', 'copy', path, 'local:', '--alias', 'mine', '--auto-update');
      assert.equal(await greetingFrom(daemon, 'mine'), 'first version\n');
    });

    it(`${kind} launches it from the remote`, async () => {
      assert.equal(await greetingFrom(daemons.get(kind)!, 'hub:busybox/static'), 'first version\n');
    });
  }

  it('may get a second version', async () => {
    await upload(`busybox/static/${ARCHITECTURE}/default`, SECOND, 'second version', [
      'lxd.tar.xz',
      'rootfs.squashfs',
    ]);
    await untilListed(server, PRODUCT, SECOND);
  });

  for (const kind of DAEMON_KINDS) {
    it(`${kind} refreshes its copy to the second version`, async () => {
      const daemon = daemons.get(kind)!;
      await daemon.letAnHourPass();
      await daemon.client('image', 'refresh', 'mine');
      const [image] = await listImages(daemon, 'local:');
      assert.equal(image!.fingerprint, await fingerprint(SECOND, 'lxd.tar.xz', 'rootfs.squashfs'));
      assert.equal(await greetingFrom(daemon, 'mine'), 'second version\n');
    });

    it(`${kind} launches the second version from the remote, and the first by fingerprint`, async () => {
      const daemon = daemons.get(kind)!;
      assert.equal(await greetingFrom(daemon, 'hub:busybox/static'), 'second version\n');
      const first = await fingerprint(FIRST, 'lxd.tar.xz', 'rootfs.squashfs');
      assert.equal(await greetingFrom(daemon, `hub:${first}`), 'first version\n');
    });
  }

  it('may get a disk later', async () => {
    const path = `busybox/static/${ARCHITECTURE}/default`;
    const disk = join(folder, 'disk');
    await buildBusyboxImage(disk, 'second version', ['disk.qcow2']);
    await cp(join(disk, 'disk.qcow2'), join(folder, 'built', path, SECOND, 'disk.qcow2'));
    await cp(join(disk, 'disk.qcow2'), join(folder, 'data/images', path, SECOND, 'disk.qcow2'));
    const whole = await fingerprint(SECOND, 'lxd.tar.xz', 'disk.qcow2');
    await untilListed(server, PRODUCT, SECOND, whole);
  });

  for (const kind of DAEMON_KINDS) {
    it(`${kind} lists the disk as a virtual machine beside the container`, async () => {
      const daemon = daemons.get(kind)!;
      await daemon.letAnHourPass();
      const images = (await listImages(daemon, 'hub:')).filter(({ serial }) => serial === SECOND);
      assert.deepEqual(
        Object.fromEntries(images.map(({ type, fingerprint: found }) => [type, found])),
        {
          container: await fingerprint(SECOND, 'lxd.tar.xz', 'rootfs.squashfs'),
          'virtual-machine': await fingerprint(SECOND, 'lxd.tar.xz', 'disk.qcow2'),
        },
      );
      const table = await daemon.client('image', 'list', 'hub:', 'type=virtual-machine');
      assert.match(table, /VIRTUAL-MACHINE/);
      const vm = await daemon.client('image', 'info', 'hub:busybox/static', '--vm');
      assert.match(vm, /Type: virtual-machine/);
    });
  }

  it('may be one unified file', async () => {
    await upload(`busybox/unified/${ARCHITECTURE}/default`, FIRST, 'in one file', [
      'lxd_combined.tar.gz',
    ]);
    await untilListed(server, `busybox:unified:${ARCHITECTURE}:default`, FIRST);
  });

  for (const kind of DAEMON_KINDS) {
    it(`${kind} launches the unified file`, async () => {
      const daemon = daemons.get(kind)!;
      await daemon.letAnHourPass();
      assert.equal(await greetingFrom(daemon, 'hub:busybox/unified'), 'in one file\n');
    });
  }
});
