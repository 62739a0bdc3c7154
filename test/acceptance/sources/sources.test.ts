import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import {
  ARCHITECTURE,
  buildBusyboxImage,
  type BusyboxFile,
} from '../../support/images/busybox-image.ts';
import { cliOutput, runCli, startCli } from '../../support/cli.ts';
import { readImages } from '../../support/clients.ts';
import { eventually } from '../../support/eventually.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type DaemonKind,
  type InstanceDaemon,
} from '../../support/servers/instance-daemon.ts';
import { serveStore, type ServeProcess } from '../../support/program.ts';
import { greetingFrom, listImages } from '../../support/images/remote-images.ts';
import { freePort } from '../../support/services/service.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const SPLIT = ['lxd.tar.xz', 'rootfs.squashfs'] as const;
const resources = new AsyncDisposableStack();
const daemons = new Map<DaemonKind, InstanceDaemon>();
let folder: string;
let store: string;
let server: ServeProcess;

before(async () => {
  folder = resources.use(await temporaryFolder()).path;
  store = `file:${join(folder, 'data')}`;
  server = resources.use(await serveStore({ store, state: join(folder, 'state') }));
  for (const kind of DAEMON_KINDS) {
    daemons.set(kind, resources.use(await startDaemon(kind, { trust: server.caFile })));
  }
});
after(() => resources.disposeAsync());

async function built(name: string, ...files: readonly BusyboxFile[]): Promise<string[]> {
  const path = join(folder, 'built', name.replaceAll(' ', '-'));
  await buildBusyboxImage(path, name, files);
  return files.map((file) => join(path, file));
}

/** The public files of a product, for one fingerprint. */
async function published(product: string, of: ServeProcess = server): Promise<string> {
  return eventually(async () => {
    const images = readImages(await of.get('/streams/v1/images.json')).imagesFor('lxd');
    return images.find((image) => image.product === product)?.fingerprint;
  });
}

describe('a simplestreams server as the source of a pull', () => {
  let hub: string;
  let indexed: ServeProcess;

  before(async () => {
    for (const kind of DAEMON_KINDS) {
      for (const [variant, files] of [
        ['container', SPLIT],
        ['machine', ['lxd.tar.xz', 'disk.qcow2']],
        ['whole', ['lxd_combined.tar.gz']],
      ] as const) {
        const paths = await built(`${kind} ${variant}`, ...files);
        const product = `${kind}/up/${ARCHITECTURE}/${variant}`;
        await cliOutput(['publish', '--store', store, '--product', product, '--wait', ...paths]);
      }
    }
    // The gateway reads from it over HTTPS and has to trust its authority.
    hub = `file:${join(folder, 'hub')}`;
    const gateway = startCli(
      ['gateway', '--store', hub, '--state', join(folder, 'hub-state'), '--port', '0'],
      { env: { ...process.env, NODE_EXTRA_CA_CERTS: server.caFile } },
    );
    resources.defer(async () => {
      gateway.child.kill('SIGTERM');
      await gateway.ended;
    });
    await once(createInterface(gateway.child.stdout!), 'line');
    indexed = resources.use(
      await serveStore({ store: hub, state: join(folder, 'index'), args: ['--gateway', 'off'] }),
    );
  });

  for (const kind of DAEMON_KINDS) {
    it(`gives ${kind} the image of an alias: container, virtual machine and image of one file`, async () => {
      const daemon = daemons.get(kind)!;
      const places = ['--store', hub, '--state', join(folder, 'hub-state')];
      const token = (await cliOutput(['gateway', 'token', kind, ...places])).trim();
      await daemon.client('remote', 'add', 'hub', token);
      await daemon.client('remote', 'add', 'up', server.url, '--protocol=simplestreams');
      const copy = (from: string, ...args: readonly string[]) =>
        daemon.client('image', 'copy', `up:${from}`, 'hub:', ...args);
      await copy(`${kind}/up/container`, '--alias', `${kind}/copied/container`);
      await copy(`${kind}/up/whole`, '--alias', `${kind}/copied/whole`);
      await copy(`${kind}/up/machine`, '--vm', '--alias', `${kind}/copied/machine`);
      for (const [variant, type] of [
        ['container', 'container'],
        ['machine', 'virtual-machine'],
        ['whole', 'container'],
      ] as const) {
        const name = (release: string) => `${kind}:${release}:${ARCHITECTURE}:${variant}`;
        const fingerprint = await published(name('copied'), indexed);
        assert.equal(fingerprint, await published(name('up')));
        const listed = await listImages(daemon, 'hub:');
        assert.equal(listed.find((image) => image.fingerprint === fingerprint)?.type, type);
      }
      await assert.rejects(copy('nothing/here'), /has no image "nothing\/here"/);
    });
  }
});

for (const kind of DAEMON_KINDS) {
  describe(`publish --from ${kind}`, () => {
    const socket = () => ({ [`${kind.toUpperCase()}_DIR`]: daemons.get(kind)!.directory });
    const product = (variant: string) => `${kind}/from/${ARCHITECTURE}/${variant}`;
    async function publish(from: string, variant: string, env: NodeJS.ProcessEnv = socket()) {
      const args = ['--from', from, '--product', product(variant), '--wait'];
      return runCli(['publish', '--store', store, ...args], { env: { ...process.env, ...env } });
    }

    before(async () => {
      const files = await built(`${kind} source`, ...SPLIT);
      await daemons.get(kind)!.client('image', 'import', ...files, '--alias', 'source');
    });

    it('takes a snapshot of a running instance, and leaves the source unchanged', async () => {
      const daemon = daemons.get(kind)!;
      await daemon.client('launch', 'source', 'box', '--quiet');
      await daemon.client('exec', 'box', '--', 'sh', '-c', `echo ${kind} then >/etc/greeting`);
      const snapshot =
        kind === 'lxd' ? ['snapshot', 'box', 'then'] : ['snapshot', 'create', 'box', 'then'];
      await daemon.client(...snapshot);
      await daemon.client('exec', 'box', '--', 'sh', '-c', `echo ${kind} now >/etc/greeting`);
      const images = () => daemon.client('image', 'list', '--format=csv', '--columns=F');
      const before = await images();
      const running = await publish(`${kind}:box`, 'box');
      assert.equal(running.code, 1);
      assert.match(running.stderr, /running/i);
      const taken = await publish(`${kind}:box/then`, 'snapshot');
      assert.equal(taken.code, 0, taken.stderr);
      await daemon.client('stop', '--force', 'box');
      const stopped = await publish(`${kind}:box`, 'box');
      assert.equal(stopped.code, 0, stopped.stderr);
      assert.equal(await images(), before);
      await daemon.client('delete', 'box');
    });

    it('takes product and version from the properties of the image', async () => {
      const daemon = daemons.get(kind)!;
      const release = `self-${kind}`;
      const fields = ['os=Busybox Linux', `release=${release}`, 'variant=mini', 'serial=20230405'];
      const files = await built(`${kind} self`, ...SPLIT);
      await daemon.client('image', 'import', ...files, ...fields, '--alias', 'self');
      const { code, stdout, stderr } = await runCli(
        ['publish', '--store', store, '--from', `${kind}:self`, '--wait'],
        { env: { ...process.env, ...socket() } },
      );
      assert.equal(code, 0, stderr);
      const place = `busybox-linux/${release}/${ARCHITECTURE}/mini`;
      assert.match(stdout, new RegExp(`${place}/20230405\n`));
      const listed = await daemon.client('image', 'list', 'self', '--format=csv', '--columns=F');
      assert.equal(await published(place.replaceAll('/', ':')), listed.trim());
    });

    it('leaves the source and the store unchanged when it is stopped', async () => {
      const daemon = daemons.get(kind)!;
      await daemon.client('launch', 'source', 'large', '--quiet');
      const fill = 'dd if=/dev/urandom of=/large bs=1M count=300 2>/dev/null';
      await daemon.client('exec', 'large', '--', 'sh', '-c', fill);
      await daemon.client('stop', '--force', 'large');
      const images = () => daemon.client('image', 'list', '--format=csv', '--columns=F');
      const before = await images();
      const data = join(folder, `stopped-${kind}`);
      const uploads = async () => {
        const entries = await readdir(data, { recursive: true, withFileTypes: true });
        return entries.flatMap((entry) =>
          entry.isFile() && /(images|uploads)(\/|$)/.test(entry.parentPath) ? [entry.name] : [],
        );
      };
      await mkdir(data);
      const start = () =>
        startCli(
          ['publish', '--store', `file:${data}`, '--from', `${kind}:large`, '-p', product('large')],
          { env: { ...process.env, ...socket() } },
        );
      const sending = start();
      await eventually(async () => (await uploads()).some((name) => name.startsWith('.tmp-')));
      sending.child.kill('SIGINT');
      const stopped = await sending.ended;
      assert.equal(stopped.code, 130, stopped.stderr);
      assert.match(stopped.stderr, /stopped by SIGINT; nothing of it is left/);
      assert.equal(await images(), before);
      assert.deepEqual(await uploads(), []);
      const making = start();
      await eventually(async () => {
        const all = await daemon.client('query', '/1.0/operations?recursion=1');
        const { running = [] } = JSON.parse(all) as { running?: { description: string }[] };
        return running.some(({ description }) => description === 'Downloading image');
      });
      making.child.kill('SIGTERM');
      const early = await making.ended;
      assert.equal(early.code, 143, early.stderr);
      assert.match(early.stderr, /stopped by SIGTERM; nothing of it is left/);
      assert.equal(await images(), before);
      assert.deepEqual(await uploads(), []);
      await daemon.client('delete', 'large');
    });

    // Incus writes the time at which it makes an image of an instance, in seconds, into that image.
    if (kind === 'lxd') {
      it('publishes an unchanged instance once, and uses the existing image', async () => {
        const daemon = daemons.get(kind)!;
        await daemon.client('init', 'source', 'same');
        const publishes = (more: string) => publish(`${kind}:same`, more);
        const first = await publishes('same');
        assert.equal(first.code, 0, first.stderr);
        await daemon.client('publish', 'same', '--alias', 'mine');
        const list = () => daemon.client('image', 'list', '--format=csv', '--columns=F');
        const images = await list();
        const again = await publishes('same');
        assert.equal(again.code, 0, again.stderr);
        assert.equal(again.stdout.split('\n')[0], first.stdout.split('\n')[0]);
        const other = await publishes('other');
        assert.equal(other.code, 1);
        assert.match(other.stderr, /is already published as/);
        assert.equal(await list(), images);
        await daemon.client('image', 'delete', 'mine');
        await daemon.client('delete', 'same');
      });
    }

    it('asks which one is meant when an image and an instance have the same name', async () => {
      const daemon = daemons.get(kind)!;
      await daemon.client('init', 'source', 'both');
      const source = await daemon.client('image', 'list', 'source', '--format=csv', '--columns=F');
      await daemon.client('image', 'alias', 'create', 'both', source.trim());
      const unclear = await publish(`${kind}:both`, 'both');
      assert.equal(unclear.code, 1);
      assert.match(unclear.stderr, /both an image and an instance are called "both"/);
      await daemon.client('image', 'alias', 'delete', 'both');
      await daemon.client('delete', 'both');
      const none = await publish(`${kind}:both`, 'both');
      assert.equal(none.code, 1);
      assert.match(
        none.stderr,
        /neither an image .* nor an instance of that name; see `(lxc|incus) /,
      );
    });

    it('takes an image, an instance and a snapshot of a configured remote', async () => {
      const source = daemons.get(kind)!;
      await source.client('config', 'set', 'core.https_address', `127.0.0.1:${await freePort()}`);
      const added =
        kind === 'lxd'
          ? await source.client('config', 'trust', 'add', '--name', 'me', '--quiet')
          : await source.client('config', 'trust', 'add', 'me', '--quiet');
      const token = added.trim().split('\n').at(-1)!.trim();
      await source.client('remote', 'add', 'far', token);
      const conf = { [`${kind.toUpperCase()}_CONF`]: join(source.directory, '../client') };
      const files = await built(`${kind} far`, ...SPLIT);
      await source.client('image', 'import', ...files, '--alias', 'far-image');
      const image = await publish(`${kind}:far:far-image`, 'far', conf);
      assert.equal(image.code, 0, image.stderr);
      await source.client('init', 'far-image', 'far-box');
      const instance = await publish(`${kind}:far:far-box`, 'far-box', conf);
      assert.equal(instance.code, 0, instance.stderr);
      await source.client('start', 'far-box');
      await source.client('exec', 'far-box', '--', 'sh', '-c', `echo ${kind} kept >/etc/greeting`);
      const snapshot = kind === 'lxd' ? ['snapshot'] : ['snapshot', 'create'];
      await source.client(...snapshot, 'far-box', 'kept');
      await source.client('exec', 'far-box', '--', 'sh', '-c', 'echo later >/etc/greeting');
      const kept = await publish(`${kind}:far:far-box/kept`, 'far-kept', conf);
      assert.equal(kept.code, 0, kept.stderr);
      await source.client('delete', '--force', 'far-box');
      const none = await publish(`${kind}:nowhere:far-image`, 'none', conf);
      assert.equal(none.code, 1);
      assert.match(none.stderr, /no remote "nowhere"/);
    });

    it('publishes an image that launches', async () => {
      const daemon = daemons.get(kind)!;
      await daemon.client('remote', 'add', 'public', server.url, '--protocol=simplestreams');
      assert.equal(await greetingFrom(daemon, `public:${kind}/from/snapshot`), `${kind} then\n`);
      assert.equal(await greetingFrom(daemon, `public:${kind}/from/box`), `${kind} now\n`);
      assert.equal(await greetingFrom(daemon, `public:${kind}/from/far`), `${kind} far\n`);
      assert.equal(await greetingFrom(daemon, `public:${kind}/from/far-kept`), `${kind} kept\n`);
    });
  });
}
