import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ARCHITECTURE } from '../../support/images/busybox-image.ts';
import { cliOutput } from '../../support/cli.ts';
import { readImages } from '../../support/clients.ts';
import { eventually } from '../../support/eventually.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type DaemonKind,
} from '../../support/servers/instance-daemon.ts';
import { serveStore, type ServeProcess } from '../../support/program.ts';
import { freePort } from '../../support/services/service.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { greetingFromMachine, startDaemonIn } from '../../support/virtual-machine/daemon.ts';
import { buildVirtualMachineImage } from '../../support/virtual-machine/image.ts';
import { HOST, startMachine } from '../../support/virtual-machine/machine.ts';

const product = (kind: DaemonKind) => `${kind}:1:${ARCHITECTURE}:machine`;
const alias = (kind: DaemonKind) => `${kind}/1/machine`;

const OTHER_PROCESSOR = process.arch === 'x64' ? false : 'the emulated machine is amd64';

/**
 * Needs root, 4 GiB of memory and some minutes: run it with `npm run test:long`. The daemons that
 * launch run in an emulated computer, so they do not use the KVM of this machine.
 */
describe('the image of a virtual machine', { timeout: 3_600_000, skip: OTHER_PROCESSOR }, () => {
  const resources = new AsyncDisposableStack();
  let folder: string;
  let server: ServeProcess;

  before(async () => {
    folder = resources.use(await temporaryFolder()).path;
    const [store, state] = [`file:${folder}/data`, join(folder, 'state')];
    const gateway = `127.0.0.1:${await freePort()}`;
    const args = ['--name', HOST, '--gateway', gateway];
    server = resources.use(await serveStore({ store, state, args }));
    for (const kind of DAEMON_KINDS) {
      await using source = await startDaemon(kind);
      const token = ['gateway', 'token', kind, '--store', store, '--state', state];
      const port = gateway.split(':')[1]!;
      await source.client(
        ...['remote', 'add', 'hub'],
        (await cliOutput([...token, '--port', port])).trim(),
      );
      const path = join(folder, kind);
      await buildVirtualMachineImage(path, `a machine that ${kind} uploaded`);
      const files = ['lxd.tar.xz', 'disk.qcow2'].map((file) => join(path, file));
      if (kind === 'lxd') {
        await source.client('image', 'import', ...files, 'hub:', '--alias', alias(kind));
      } else {
        await source.client('image', 'import', ...files, '--alias', 'mine');
        const named = ['--mode=push', '--alias', alias(kind)];
        await source.client('image', 'copy', 'mine', 'hub:', ...named);
      }
      await eventually(async () => {
        const images = readImages(await server.get('/streams/v1/images.json'));
        return images.imagesFor(kind).some((image) => image.product === product(kind));
      });
    }
  });
  after(() => resources.disposeAsync());

  for (const kind of DAEMON_KINDS) {
    const other = kind === 'lxd' ? 'incus' : 'lxd';
    it(`from ${other} runs in another ${kind}, launched from the public remote`, async () => {
      const place = join(folder, `${kind}-machine`);
      await mkdir(place);
      await using machine = await startMachine(place, server.caFile);
      const daemon = await startDaemonIn(machine, kind);
      const url = server.url.replace('127.0.0.1', HOST);
      await daemon.client('remote', 'add', 'public', url, '--protocol=simplestreams');
      const greeting = await greetingFromMachine(daemon, `public:${alias(other)}`);
      assert.equal(greeting, `a machine that ${other} uploaded\n`);
      const listed = await daemon.client('list', '--format=csv', '--columns=nst');
      assert.equal(listed, 'probe,RUNNING,VIRTUAL-MACHINE\n');
    });
  }
});
