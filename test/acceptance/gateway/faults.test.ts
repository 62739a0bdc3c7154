import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';

import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { clearUploads } from '../../../src/publishing/clear-uploads.ts';
import { bytesOnDisk } from '../../support/stores/bytes-on-disk.ts';
import { cliOutput, startCli } from '../../support/cli.ts';
import { run } from '../../support/command.ts';
import { eventually } from '../../support/eventually.ts';
import { metadataTar } from '../../support/servers/gateway-fixture.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type DaemonKind,
  type InstanceDaemon,
} from '../../support/servers/instance-daemon.ts';
import { listImages } from '../../support/images/remote-images.ts';
import { freePort } from '../../support/services/service.ts';
import { startStallingProxy, type StallingProxy } from '../../support/servers/stalling-proxy.ts';
import { tarArchive } from '../../support/images/tar-archive.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const MIB = 1024 * 1024;
const DAY = 24 * 60 * 60 * 1000;

interface Hub {
  readonly port: string;
  readonly data: string;
  readonly store: ObjectStore;
  token(name: string, ...args: readonly string[]): Promise<string>;
  /** The log of the gateway. */
  readonly log: () => string;
  readonly trustRemove: (name: string) => Promise<void>;
}

const resources = new AsyncDisposableStack();
// The daemons trust no authority of ours: they identify a gateway only by its token.
const daemons = new Map<DaemonKind, InstanceDaemon>();
let folder: string;
let hub: Hub;
let full: Hub;
let proxy: StallingProxy;
/** The public keys before a test. */
let published: readonly string[];
const tokens = new Map<DaemonKind, string>();

before(async () => {
  folder = resources.use(await temporaryFolder()).path;
  const small = join(folder, 'small');
  await mkdir(small);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small]);
  resources.defer(async () => {
    await run('umount', ['--lazy', small]);
  });
  hub = await startHub('hub', join(folder, 'data'));
  full = await startHub('full', join(small, 'data'));
  proxy = resources.use(await startStallingProxy(Number(hub.port)));
  for (const kind of DAEMON_KINDS) {
    const daemon = resources.use(await startDaemon(kind));
    daemons.set(kind, daemon);
    await daemon.client('config', 'set', 'core.https_address', `127.0.0.1:${await freePort()}`);
    const through = ['--name', '127.0.0.1', '--port', String(proxy.port)];
    const token = await hub.token(kind, ...through);
    tokens.set(kind, token);
    await daemon.client('remote', 'add', 'hub', token);
  }
});
beforeEach(async () => {
  published = await keysOf(hub, 'images/');
});
after(() => resources.disposeAsync());

async function startHub(name: string, data: string): Promise<Hub> {
  const places = ['--store', `file:${data}`, '--state', join(folder, `${name}-state`)];
  const gateway = startCli(['gateway', ...places, '--port', '0']);
  resources.defer(async () => {
    gateway.child.kill('SIGTERM');
    await gateway.ended;
  });
  const [url] = (await once(createInterface(gateway.child.stdout!), 'line')) as [string];
  const store = await openDirectoryStore({ path: data });
  resources.defer(() => store.close());
  return {
    port: new URL(url).port,
    data,
    store,
    log: gateway.stderr,
    token: async (client, ...args) =>
      (await cliOutput(['gateway', 'token', client, ...args, ...places])).trim(),
    trustRemove: async (client) => {
      await cliOutput(['gateway', 'trust', 'remove', client, ...places]);
    },
  };
}

/**
 * Writes the two files of an image and gives their paths. The root is not a real file system,
 * because nothing reads it.
 */
async function files(name: string, metadata: Uint8Array, size = MIB): Promise<[string, string]> {
  const paths: [string, string] = [join(folder, `${name}.tar`), join(folder, `${name}.squashfs`)];
  await writeFile(paths[0], metadata);
  await writeFile(paths[1], Buffer.concat([Buffer.from('hsqs'), randomBytes(size)]));
  return paths;
}

async function keysOf({ store }: Hub, prefix: string): Promise<string[]> {
  return (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);
}

/** Nothing new is stored, and after a sweep a day later `uploads/` is empty. */
async function nothingIsLeft(of: Hub, before: readonly string[] = published): Promise<void> {
  await eventually(async () => (await keysOf(of, 'uploads/')).length === 0);
  await clearUploads({ store: of.store, now: () => Date.now() + 2 * DAY, log: () => undefined });
  assert.deepEqual(await keysOf(of, 'uploads/'), []);
  assert.deepEqual(await keysOf(of, 'images/'), before);
}

for (const kind of DAEMON_KINDS) {
  describe(`${kind}, which trusts no authority,`, () => {
    let daemon: InstanceDaemon;
    const client = (...args: readonly string[]) => daemon.client(...args);
    const importing = (paths: readonly string[], variant: string, remote = 'hub') =>
      client('image', 'import', ...paths, `${remote}:`, '--alias', `${kind}/1/${variant}`);

    before(() => {
      daemon = daemons.get(kind)!;
    });

    it('is accepted by a token alone, and copies in every mode', async () => {
      for (const mode of ['pull', 'push', 'relay']) {
        const paths = await files(`${kind}-${mode}`, metadataTar(`${kind} ${mode}`));
        await client('image', 'import', ...paths, '--alias', mode);
        const alias = `${kind}/trusts/${mode}`;
        await client('image', 'copy', mode, 'hub:', `--mode=${mode}`, '--alias', alias);
        const keys = await keysOf(hub, `images/${kind}/trusts/amd64/${mode}/`);
        assert.equal(keys.length, 2, `${mode}: ${keys.join()}`);
      }
    });

    const refused: readonly [string, () => Uint8Array, RegExp][] = [
      [
        'no architecture',
        () => tarArchive([{ path: 'metadata.yaml', content: 'creation_date: 1700000000\n' }]),
        /metadata\.yaml has no architecture/,
      ],
      [
        'an absolute symlink',
        () => metadataTar(kind, [{ path: 'templates', type: '2', link: '/etc' }]),
        /is a symlink/,
      ],
      [
        'a bomb',
        () =>
          gzipSync(metadataTar(kind, [{ path: 'templates/x', content: Buffer.alloc(2 ** 27) }])),
        /more than \d+ bytes/,
      ],
    ];
    for (const [what, metadata, reason] of refused) {
      it(`gets an error for ${what} in the metadata`, async () => {
        const paths = await files(`${kind}-${what.replaceAll(' ', '-')}`, metadata());
        await assert.rejects(importing(paths, 'bad'), reason);
        await nothingIsLeft(hub);
      });
    }

    it('gets an error for swapped parts', async () => {
      const paths = await files(`${kind}-swapped`, metadataTar(`${kind} swapped`));
      await assert.rejects(importing(paths.toReversed(), 'swapped'), /metadata and root swapped\?/);
      await nothingIsLeft(hub);
    });

    it('leaves nothing when it is killed near the end of the body', async () => {
      const size = 16 * MIB;
      const paths = await files(`${kind}-killed`, metadataTar(`${kind} killed`), size);
      const before = await bytesOnDisk(hub.data);
      proxy.allow(size - MIB / 8);
      const alias = `${kind}/1/killed`;
      const started = daemon.startClient('image', 'import', ...paths, 'hub:', '--alias', alias);
      const exited = once(started, 'exit');
      await eventually(async () => (await bytesOnDisk(hub.data)) - before > size - MIB / 2);
      started.kill('SIGKILL');
      assert.deepEqual(await exited, [null, 'SIGKILL']);
      proxy.allow(Infinity);
      await nothingIsLeft(hub);
      await eventually(async () => (await bytesOnDisk(hub.data)) - before < MIB);
    });

    it('leaves nothing when it is killed while the gateway fetches', async () => {
      const size = 256 * MIB;
      const paths = await files(`${kind}-fetched`, metadataTar(`${kind} fetched`), size);
      await client('image', 'import', ...paths, '--alias', 'fetched');
      const before = await bytesOnDisk(hub.data);
      const gone = () => hub.log().split('a client went away').length;
      const goneBefore = gone();
      const alias = `${kind}/1/fetched`;
      const started = daemon.startClient('image', 'copy', 'fetched', 'hub:', '--alias', alias);
      const exited = once(started, 'exit');
      await eventually(async () => (await bytesOnDisk(hub.data)) - before > MIB);
      started.kill('SIGKILL');
      assert.deepEqual(await exited, [null, 'SIGKILL']);
      await nothingIsLeft(hub);
      await eventually(async () => (await bytesOnDisk(hub.data)) - before < MIB);
      await eventually(() => gone() > goneBefore);
    });

    it('gets an error that the store is full, in every mode', async () => {
      await client('remote', 'add', 'full', await full.token(kind));
      const paths = await files(`${kind}-big`, metadataTar(`${kind} big`), 8 * MIB);
      const reason = /store of the server is full/;
      await assert.rejects(importing(paths, 'big', 'full'), reason);
      await client('image', 'import', ...paths, '--alias', 'big');
      for (const mode of ['pull', 'push', 'relay']) {
        const copy = ['image', 'copy', 'big', 'full:', `--mode=${mode}`];
        const copying = client(...copy, '--alias', `${kind}/1/big`);
        // The incus client ignores the response to a relayed upload, and sends no further request.
        if (kind === 'incus' && mode === 'relay') {
          await copying;
          const big = (await listImages(daemon, 'local:')).find((image) =>
            image.aliases.includes('big'),
          );
          await assert.rejects(client('image', 'info', `full:${big!.fingerprint}`), reason);
        } else await assert.rejects(copying, reason, mode);
        await nothingIsLeft(full, []);
      }
    });
  });
}

describe('both at once', () => {
  it('with one fingerprint: one succeeds, the other gets an error', async () => {
    const paths = await files('both', metadataTar('both'), 4 * MIB);
    const ended = await Promise.allSettled(
      DAEMON_KINDS.map((kind) =>
        daemons
          .get(kind)!
          .client('image', 'import', ...paths, 'hub:', '--alias', `${kind}/both/default`),
      ),
    );
    const lost = ended.filter((end) => end.status === 'rejected');
    assert.equal(lost.length, 1);
    assert.match(String(lost[0]!.reason), /same fingerprint already exists/);
    const winner = DAEMON_KINDS[ended.findIndex(({ status }) => status === 'fulfilled')]!;
    const added = (await keysOf(hub, 'images/')).filter((key) => !published.includes(key));
    assert.equal(added.length, 2, added.join());
    assert(added.every((key) => key.startsWith(`images/${winner}/both/`)));
    assert.deepEqual(await keysOf(hub, 'uploads/'), []);
  });
});

for (const kind of DAEMON_KINDS) {
  describe(`${kind}, after its certificate lost its trust,`, () => {
    it('gets an error for that, and for a token that is used or expired', async () => {
      const daemon = daemons.get(kind)!;
      const client = (...args: readonly string[]) => daemon.client(...args);
      const late = await hub.token(`${kind}-late`, '--expiry', '0.001');
      await hub.trustRemove(kind);
      const paths = await files(`${kind}-stranger`, metadataTar(`${kind} stranger`));
      const importing = client('image', 'import', ...paths, 'hub:', '--alias', `${kind}/1/x`);
      await assert.rejects(importing, /not authorized/);
      const again = client('remote', 'add', 'again', tokens.get(kind)!);
      await assert.rejects(again, /the token is unknown, used or expired/);
      await assert.rejects(client('remote', 'add', 'late', late), /expired/);
      await nothingIsLeft(hub);
    });
  });
}
