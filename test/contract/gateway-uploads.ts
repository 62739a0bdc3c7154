import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { ARCHITECTURE, buildBusyboxImage } from '../support/images/busybox-image.ts';
import { cliOutput, runCli, startCli } from '../support/cli.ts';
import { readImages } from '../support/clients.ts';
import { eventually } from '../support/eventually.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type DaemonKind,
  type InstanceDaemon,
} from '../support/servers/instance-daemon.ts';
import { serveStore, type ServeProcess } from '../support/program.ts';
import { greetingFrom, listImages } from '../support/images/remote-images.ts';
import { freePort } from '../support/services/service.ts';
import { temporaryFolder } from '../support/temporary.ts';

/** The kind of store for the uploads. */
export interface UploadsPlace {
  /** Its URL. */
  readonly store: string;
  /** Environment variables that the program needs to use it. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Tests what real LXD and Incus, each as client and as source, can do with a gateway in front of a
 * store of any kind. `open` puts on the stack what has to end with the tests.
 */
export function gatewayUploads(
  name: string,
  open: (folder: string, resources: AsyncDisposableStack) => Promise<UploadsPlace>,
): void {
  describe(`a gateway in front of ${name}`, () => uploads(open));
}

function uploads(open: Parameters<typeof gatewayUploads>[1]): void {
  const resources = new AsyncDisposableStack();
  const daemons = new Map<DaemonKind, InstanceDaemon>();
  let folder: string;
  let store: string;
  let env: NodeJS.ProcessEnv;
  let server: ServeProcess;
  let port: string;

  before(async () => {
    folder = resources.use(await temporaryFolder()).path;
    ({ store, env } = await open(folder, resources));
    const state = join(folder, 'state');
    const args = ['--gateway', 'off', '--scan-every', '2'];
    server = resources.use(await serveStore({ store, state, args, env }));
    const gateway = startCli(['gateway', '--store', store, '--state', state, '--port', '0'], {
      env,
    });
    resources.defer(async () => {
      gateway.child.kill('SIGTERM');
      await gateway.ended;
    });
    const [url] = (await once(createInterface(gateway.child.stdout!), 'line')) as [string];
    port = new URL(url).port;
    for (const kind of DAEMON_KINDS) {
      daemons.set(kind, resources.use(await startDaemon(kind, { trust: server.caFile })));
    }
  });
  after(() => resources.disposeAsync());

  async function token(...args: readonly string[]): Promise<string> {
    const fixed = ['--store', store, '--state', join(folder, 'state'), '--port', port];
    return (await cliOutput(['gateway', 'token', ...args, ...fixed], { env })).trim();
  }

  /** Waits until a product's newest image is public. Gives its fingerprint. */
  async function published(product: string): Promise<string> {
    return eventually(async () => {
      const images = readImages(await server.get('/streams/v1/images.json')).imagesFor('lxd');
      return images.find((image) => image.product === product)?.fingerprint;
    });
  }

  for (const kind of DAEMON_KINDS) {
    // Every image differs from all others, because a fingerprint is published once.
    const product = (variant: string) => `${kind}:1:${ARCHITECTURE}:${variant}`;
    const alias = (variant: string) => `${kind}/1/${variant}`;

    describe(`${kind} uploads`, () => {
      let daemon: InstanceDaemon;
      const client = (...args: readonly string[]) => daemon.client(...args);
      async function build(name: string): Promise<string> {
        const path = join(folder, kind, name);
        await buildBusyboxImage(path, `${kind} ${name}`, [
          ...(['lxd.tar.xz', 'rootfs.squashfs', 'disk.qcow2', 'lxd_combined.tar.gz'] as const),
          'vm_combined.tar.gz',
        ]);
        return path;
      }
      async function imported(name: string, ...files: readonly string[]): Promise<void> {
        const path = await build(name);
        await client('image', 'import', ...files.map((file) => join(path, file)), '--alias', name);
      }
      const split = ['lxd.tar.xz', 'rootfs.squashfs'];
      async function localFingerprint(name: string): Promise<string> {
        const images = await listImages(daemon, 'local:');
        return images.find(({ aliases }) => aliases.includes(name))!.fingerprint;
      }

      before(async () => {
        daemon = daemons.get(kind)!;
        await client('config', 'set', 'core.https_address', `127.0.0.1:${await freePort()}`);
      });

      it('after it joined with a token, which no other client can use', async () => {
        const joining = await token(`laptop-${kind}`);
        await client('remote', 'add', 'hub', joining);
        await assert.rejects(
          daemons.get(kind === 'lxd' ? 'incus' : 'lxd')!.client('remote', 'add', 'thief', joining),
          /the token is unknown, used or expired/,
        );
        assert(Array.isArray(await listImages(daemon, 'hub:')));
      });

      it('files, split, unified and of a virtual machine, with an alias', async () => {
        const path = await build('imported');
        const files = split.map((file) => join(path, file));
        await client('image', 'import', ...files, 'hub:', '--alias', alias('imported'));
        assert.match(await published(product('imported')), /^[0-9a-f]{64}$/);
        const unified = join(await build('unified'), 'lxd_combined.tar.gz');
        await client(
          'image',
          'import',
          unified,
          'hub:',
          '--alias',
          `${kind}/1/${ARCHITECTURE}/unified`,
        );
        await published(product('unified'));
        const machine = await build('machine');
        const parts = ['lxd.tar.xz', 'disk.qcow2'].map((file) => join(machine, file));
        await client('image', 'import', ...parts, 'hub:', '--alias', alias('machine'));
        await published(product('machine'));
        const whole = join(await build('whole-machine'), 'vm_combined.tar.gz');
        await client('image', 'import', whole, 'hub:', '--alias', alias('whole-machine'));
        await published(product('whole-machine'));
      });

      for (const mode of ['relay', 'push', 'pull']) {
        it(`an image of its own: --mode=${mode}`, async () => {
          await imported(mode, ...split);
          await client('image', 'copy', mode, 'hub:', `--mode=${mode}`, '--alias', alias(mode));
          await published(product(mode));
        });

        it(`a unified image, and virtual machines of two files and one: --mode=${mode}`, async () => {
          await imported(`${mode}-unified`, 'lxd_combined.tar.gz');
          await imported(`${mode}-vm`, 'lxd.tar.xz', 'disk.qcow2');
          await imported(`${mode}-whole-vm`, 'vm_combined.tar.gz');
          for (const name of [`${mode}-unified`, `${mode}-vm`, `${mode}-whole-vm`]) {
            await client('image', 'copy', name, 'hub:', `--mode=${mode}`, '--alias', alias(name));
          }
          await published(product(`${mode}-unified`));
          for (const name of [`${mode}-vm`, `${mode}-whole-vm`]) {
            const vm = await published(product(name));
            const listed = await listImages(daemon, 'hub:');
            const type = listed.find(({ fingerprint }) => fingerprint === vm)?.type;
            assert.equal(type, 'virtual-machine', name);
          }
        });
      }

      it('an instance, published as an image', async () => {
        await client('launch', 'relay', 'box', '--quiet');
        await client('exec', 'box', '--', 'sh', '-c', `echo ${kind} changed it >/etc/greeting`);
        await client('stop', '--force', 'box');
        await client('publish', 'box', 'hub:', '--alias', alias('published'));
        await client('delete', 'box');
        await published(product('published'));
      });

      it('an image by its properties alone', async () => {
        await imported('plain', ...split);
        await client('image', 'copy', 'plain', 'hub:', '--mode=relay');
        const fingerprint = await localFingerprint('plain');
        assert(
          (await listImages(daemon, 'hub:')).some((image) => image.fingerprint === fingerprint),
        );
        await eventually(async () => {
          const images = readImages(await server.get('/streams/v1/images.json')).imagesFor('lxd');
          const found = images.find((image) => image.fingerprint === fingerprint);
          return found?.product === `busybox:static:${ARCHITECTURE}:default`;
        });
      });

      it('nothing under a name that is not a product, and shows the reason', async () => {
        await imported('nameless', ...split);
        const fingerprint = await localFingerprint('nameless');
        // With --mode=relay the incus client reports success for any response
        // (client/incus_images.go, CopyImage: remoteOperationError returns nil when its list of
        // errors is empty).
        const copying = client('image', 'copy', 'nameless', 'hub:', '--mode=push', '--alias', 'x');
        await assert.rejects(copying, /names no product/);
        const listed = await listImages(daemon, 'hub:');
        assert(!listed.some((image) => image.fingerprint === fingerprint));
      });

      it('nothing a second time, and shows the reason', async () => {
        const again = client('image', 'copy', 'plain', 'hub:', '--mode=push');
        await assert.rejects(again, /Image with same fingerprint already exists/);
      });

      it('nothing that can be launched from the gateway, and shows where it can be', async () => {
        const launching = client('launch', `hub:${alias('imported')}`, 'no');
        await assert.rejects(
          launching,
          /only takes images in; launch and copy them from its public/,
        );
      });

      it('and removes its own images, which can be uploaded again at once', async () => {
        const fingerprint = await published(product('imported'));
        await client('image', 'delete', `hub:${alias('imported')}`);
        const files = split.map((file) => join(folder, kind, 'imported', file));
        await client('image', 'import', ...files, 'hub:', '--alias', alias('imported'));
        await client('image', 'delete', `hub:${fingerprint}`);
        await eventually(async () => {
          const images = readImages(await server.get('/streams/v1/images.json')).imagesFor('lxd');
          return !images.some((image) => image.fingerprint === fingerprint);
        });
        await assert.rejects(client('image', 'alias', 'delete', 'hub:none'), /not found/i);
      });

      it('nothing beyond the rights of its token, and nothing after its trust is removed', async () => {
        const state = ['--store', store, '--state', join(folder, 'state')];
        const untrust = (name: string) =>
          cliOutput(['gateway', 'trust', 'remove', name, ...state], { env });
        await untrust(`laptop-${kind}`);
        await assert.rejects(client('image', 'list', 'hub:'), /not authorized/);
        await client('remote', 'add', 'narrow', await token(`narrow-${kind}`, '--allow', 'mine/*'));
        await imported('foreign', ...split);
        const copying = (name: string) =>
          client('image', 'copy', 'foreign', 'narrow:', '--mode=push', '--alias', name);
        await assert.rejects(copying(alias('foreign')), /may not publish/);
        await copying(`mine/${kind}/default`);
        await published(`mine:${kind}:${ARCHITECTURE}:default`);
        await untrust(`narrow-${kind}`);
        await assert.rejects(client('image', 'list', 'narrow:'), /not authorized/);
      });
    });

    describe(`${kind} as a source of publish`, () => {
      async function publish(name: string, ...args: readonly string[]) {
        const socket = { [`${kind.toUpperCase()}_DIR`]: daemons.get(kind)!.directory };
        return runCli(['publish', '--store', store, '--from', `${kind}:${name}`, ...args], {
          env: { ...env, ...socket },
        });
      }

      it('gives a virtual machine of one file, once', async () => {
        const path = join(folder, kind, 'from-vm');
        await buildBusyboxImage(path, `${kind} from-vm`, ['vm_combined.tar.gz']);
        const file = join(path, 'vm_combined.tar.gz');
        await daemons.get(kind)!.client('image', 'import', file, '--alias', 'from-vm');
        const target = `${kind}/1/${ARCHITECTURE}/from-vm`;
        const first = await publish('from-vm', '--product', target, '--wait');
        assert.equal(first.code, 0, first.stderr);
        const again = await publish('from-vm', '--product', target);
        assert.equal(again.code, 0, again.stderr);
        assert.match(again.stdout, /disk\.qcow2: was there already/);
        const elsewhere = await publish('from-vm', '--product', `${target}-2`);
        assert.equal(elsewhere.code, 1);
        assert.match(elsewhere.stderr, /is already published as/);
      });

      it('gives an image, and an instance, which becomes an image first', async () => {
        const daemon = daemons.get(kind)!;
        const path = join(folder, kind, 'from');
        await buildBusyboxImage(path, `${kind} from`, ['lxd.tar.xz', 'rootfs.squashfs']);
        const files = ['lxd.tar.xz', 'rootfs.squashfs'].map((file) => join(path, file));
        await daemon.client('image', 'import', ...files, '--alias', 'from');
        const target = `${kind}/1/${ARCHITECTURE}/from`;
        const image = await publish('from', '--product', target, '--wait');
        assert.equal(image.code, 0, image.stderr);
        await daemon.client('init', 'from', 'source');
        const before = await daemon.client('image', 'list', '--format=csv');
        const instance = await publish('source', '--product', `${target}-box`, '--wait');
        assert.equal(instance.code, 0, instance.stderr);
        assert.equal(await daemon.client('image', 'list', '--format=csv'), before);
        await daemon.client('delete', 'source');
        const none = await publish('absent', '--product', target);
        assert.equal(none.code, 1);
        assert.match(none.stderr, /neither an image .* nor an instance/);
      });
    });
  }

  describe('a daemon that does not use the gateway', () => {
    for (const kind of DAEMON_KINDS) {
      it(`${kind} launches an upload of the other from the public remote`, async () => {
        const daemon = daemons.get(kind)!;
        const other = kind === 'lxd' ? 'incus' : 'lxd';
        await daemon.client('remote', 'add', 'public', server.url, '--protocol=simplestreams');
        const greeting = (variant: string) => greetingFrom(daemon, `public:${other}/1/${variant}`);
        assert.equal(await greeting('published'), `${other} changed it\n`);
        assert.equal(await greeting('push'), `${other} push\n`);
        assert.equal(await greeting('relay'), `${other} relay\n`);
        assert.equal(await greeting('pull-unified'), `${other} pull-unified\n`);
      });

      it(`${kind} lists each virtual machine as a virtual machine in the public remote`, async () => {
        const images = await listImages(daemons.get(kind)!, 'public:');
        const variants = ['machine', 'relay-vm', 'push-vm', 'pull-vm', 'from-vm'].flatMap((name) =>
          name === 'from-vm' ? [name] : [name, name.replace(/(vm|machine)$/, 'whole-$1')],
        );
        for (const variant of variants) {
          const alias = `${kind}/1/${variant}`;
          const types = images.filter(({ aliases }) => aliases.includes(alias));
          assert.deepEqual(
            types.map(({ type }) => type),
            ['virtual-machine'],
            alias,
          );
        }
      });
    }
  });
}
