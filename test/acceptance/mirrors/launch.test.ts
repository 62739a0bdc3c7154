import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ARCHITECTURE, buildBusyboxImage } from '../../support/images/busybox-image.ts';
import { cliOutput } from '../../support/cli.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type InstanceDaemon,
} from '../../support/servers/instance-daemon.ts';
import { serveStore, type ServeProcess } from '../../support/program.ts';
import { greetingFrom, listImages } from '../../support/images/remote-images.ts';
import { makeBucket } from '../../support/services/bucket.ts';
import { startMinio } from '../../support/services/minio.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const resources = new AsyncDisposableStack();
const daemons = new Map<string, InstanceDaemon>();
const MIRRORS = ['near', 'far'] as const;
const servers = new Map<string, ServeProcess>();

before(async () => {
  const folder = resources.use(await temporaryFolder()).path;
  const minio = await startMinio();
  resources.defer(() => minio.stop());
  await makeBucket(minio, 'images');
  const env = { AWS_ACCESS_KEY_ID: minio.accessKey, AWS_SECRET_ACCESS_KEY: minio.secretKey };
  const stores = {
    near: `file:${join(folder, 'near')}`,
    far: `s3://images?endpoint=${minio.endpoint}`,
  };
  const sections = MIRRORS.map((name) => `[mirrors.${name}]\nstore = "${stores[name]}"\n`);
  await writeFile(join(folder, 'bucketstreams.toml'), sections.join(''));

  const built = join(folder, 'built');
  await buildBusyboxImage(built, 'from a mirror', ['lxd.tar.xz', 'rootfs.squashfs']);
  const version = `data/images/busybox/static/${ARCHITECTURE}/default/20240101_12:00`;
  await cp(built, join(folder, version), { recursive: true });
  await cliOutput(['update'], { cwd: folder, env });
  await cliOutput(['mirror', 'sync'], { cwd: folder, env });

  // Both mirrors have one authority, which the daemons trust.
  const state = join(folder, 'state');
  for (const name of MIRRORS) {
    const options = { store: stores[name], state, args: ['--no-watch'], env };
    servers.set(name, resources.use(await serveStore(options)));
  }
  for (const kind of DAEMON_KINDS) {
    const { caFile } = servers.get('near')!;
    daemons.set(kind, resources.use(await startDaemon(kind, { trust: caFile })));
  }
});
after(() => resources.disposeAsync());

describe('two mirrors of one master', () => {
  for (const kind of DAEMON_KINDS) {
    for (const name of MIRRORS) {
      it(`${kind} adds the ${name} one as a remote and launches from it`, async () => {
        const daemon = daemons.get(kind)!;
        await daemon.client(
          'remote',
          'add',
          name,
          servers.get(name)!.url,
          '--protocol=simplestreams',
        );
        assert.equal((await listImages(daemon, `${name}:`)).length, 1);
        assert.equal(await greetingFrom(daemon, `${name}:busybox/static`), 'from a mirror\n');
      });
    }
  }
});
