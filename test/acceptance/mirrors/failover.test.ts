import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ARCHITECTURE, buildBusyboxImage } from '../../support/images/busybox-image.ts';
import { cliOutput } from '../../support/cli.ts';
import { CommandError } from '../../support/command.ts';
import { deployment, mirrorPlan } from '../../support/aws/deployment.ts';
import { distributionOf } from '../../support/aws/distribution.ts';
import { startFailoverFront, type FailoverFront } from '../../support/servers/failover-front.ts';
import { ask } from '../../support/servers/https-request.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type InstanceDaemon,
} from '../../support/servers/instance-daemon.ts';
import { greetingFrom, listImages } from '../../support/images/remote-images.ts';
import { letEverybodyRead, makeBucket, putObject } from '../../support/services/bucket.ts';
import { startMinio, type S3Service } from '../../support/services/minio.ts';
import { freePort } from '../../support/services/service.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const MASTER = 'images-master';
const WEST = 'images-west';
const IMAGES = '/streams/v1/images.json';
const plan = distributionOf(
  deployment({
    bucket: MASTER,
    mirrors: [mirrorPlan({ name: 'west', bucket: WEST })],
    failover: 'west',
  }),
);

const resources = new AsyncDisposableStack();
const daemons = new Map<string, InstanceDaemon>();
let folder: string;
let env: NodeJS.ProcessEnv;
let front: FailoverFront;
let ca: string;
let startMaster: () => Promise<S3Service>;
let master: S3Service;
let mirror: S3Service;

before(
  async () => {
    folder = resources.use(await temporaryFolder()).path;
    const data = resources.use(await temporaryFolder()).path;
    const port = await freePort();
    startMaster = () => startMinio({ data, port });
    master = await startMaster();
    resources.defer(() => master.stop());
    mirror = await startMinio();
    resources.defer(() => mirror.stop());
    for (const [service, bucket] of [
      [master, MASTER],
      [mirror, WEST],
    ] as const) {
      await makeBucket(service, bucket);
      // This replaces the one distribution that the template's bucket policies allow.
      await letEverybodyRead(service, bucket, ['images/*', 'streams/*']);
    }
    env = { AWS_ACCESS_KEY_ID: master.accessKey, AWS_SECRET_ACCESS_KEY: master.secretKey };
    await writeFile(
      join(folder, 'bucketstreams.toml'),
      `[store]\nmaster = "s3://${MASTER}?endpoint=${master.endpoint}"\n` +
        `[mirrors.west]\nstore = "s3://${WEST}?endpoint=${mirror.endpoint}"\n`,
    );
    front = resources.use(
      await startFailoverFront(plan, {
        [`${MASTER}.s3.eu-central-1.amazonaws.com`]: `${master.endpoint}/${MASTER}`,
        [`${WEST}.s3.us-west-2.amazonaws.com`]: `${mirror.endpoint}/${WEST}`,
      }),
    );
    ca = await readFile(front.certificate, 'utf8');
    await publish('first');
    await cliOutput(['mirror', 'sync'], { cwd: folder, env });
    for (const kind of DAEMON_KINDS) {
      daemons.set(kind, resources.use(await startDaemon(kind, { trust: front.certificate })));
    }
  },
  { timeout: 300_000 },
);
after(() => resources.disposeAsync());

/** Publishes an image of a new product on the master only. */
async function publish(release: string): Promise<void> {
  const { directory } = await buildBusyboxImage(join(folder, release), `the ${release}`);
  const files = ['lxd.tar.xz', 'rootfs.squashfs'].map((file) => join(directory, file));
  const product = `busybox/${release}/${ARCHITECTURE}/default`;
  await cliOutput(['publish', '--product', product, '--version', '20260101', ...files], {
    cwd: folder,
    env,
  });
  await cliOutput(['update'], { cwd: folder, env });
}

function rootOf(release: string): string {
  return `/images/busybox/${release}/${ARCHITECTURE}/default/20260101/rootfs.squashfs`;
}

function get(path: string) {
  return ask(front.url + path, { ca });
}

/** The aliases that a client shows, without those of single variants. */
async function releases(daemon: InstanceDaemon, remote: string): Promise<readonly string[]> {
  const images = await listImages(daemon, `${remote}:`);
  const aliases = images.flatMap((image) => image.aliases);
  return aliases.filter((alias) => /^busybox\/[a-z]+$/.test(alias)).sort();
}

/** Makes a daemon fetch again an image that it launched before. */
async function forgetImages(daemon: InstanceDaemon): Promise<void> {
  for (const { fingerprint } of await listImages(daemon, 'local:')) {
    await daemon.client('image', 'delete', fingerprint);
  }
}

function addRemote(daemon: InstanceDaemon, name: string): Promise<string> {
  return daemon.client('remote', 'add', name, front.url, '--protocol=simplestreams');
}

/** The origins that responded since the last call, with their statuses. */
function origins(): readonly string[] {
  return [...new Set(front.answers().map((answer) => answer.replace(/^.* from /, '')))].sort();
}

describe('the distribution that the template describes, while both origins are up', () => {
  for (const kind of DAEMON_KINDS) {
    it(`serves ${kind} from the master for lists and launches`, async () => {
      const daemon = daemons.get(kind)!;
      origins();
      await addRemote(daemon, 'early');
      assert.deepEqual(await releases(daemon, 'early'), ['busybox/first']);
      assert.equal(await greetingFrom(daemon, 'early:busybox/first'), 'the first\n');
      assert.deepEqual(origins(), ['master: 200']);
    });
  }

  it('serves an image file that only the mirror has from the mirror, and no JSON of the mirror', async () => {
    const image = 'images/busybox/lost/amd64/default/20260101/rootfs.squashfs';
    await putObject(mirror, WEST, image, 'from the mirror');
    await putObject(mirror, WEST, 'streams/v1/lost.json', '{}');
    const answer = await get(`/${image}`);
    assert.deepEqual([answer.status, String(answer.body)], [200, 'from the mirror']);
    assert.equal((await get('/streams/v1/lost.json')).status, 404);
    assert.equal((await get('/catalog/mirror.json')).status, 404);
    assert.deepEqual(origins(), ['edge: 404', 'failover: 200', 'master: 404']);
  });
});

describe('that distribution, with an image that the mirror does not have yet', () => {
  it('lists it while the master is up', async () => {
    await publish('second');
    for (const kind of DAEMON_KINDS) {
      const daemon = daemons.get(kind)!;
      await daemon.letAnHourPass();
      await addRemote(daemon, 'caught');
      assert.deepEqual(await releases(daemon, 'caught'), ['busybox/first', 'busybox/second']);
      // The daemon keeps its own list for an hour, and has read the image too.
      assert.match(await daemon.client('image', 'info', 'caught:busybox/second'), /Fingerprint/);
      await daemon.client('image', 'copy', 'caught:busybox/first', 'local:', '--alias', 'copied');
      await forgetImages(daemon);
    }
    assert.deepEqual(origins(), ['master: 200']);
  });

  it('does not list it after the master was killed', async () => {
    await master.stop();
    assert.doesNotMatch(String((await get(IMAGES)).body), /second/);
    assert.doesNotMatch(String((await get('/streams/v1/index.json')).body), /second/);
    assert.deepEqual(origins(), ['failover: 200']);
  });

  for (const kind of DAEMON_KINDS) {
    it(`returns to ${kind}, which listed it before, that it is not found`, async () => {
      const launch = greetingFrom(daemons.get(kind)!, 'caught:busybox/second');
      await assert.rejects(launch, CommandError);
      assert.ok(origins().includes('failover: 404'));
    });

    it(`lets ${kind} add a remote, list and launch through the failover`, async () => {
      const daemon = daemons.get(kind)!;
      await daemon.letAnHourPass();
      await addRemote(daemon, 'late');
      assert.deepEqual(await releases(daemon, 'late'), ['busybox/first']);
      assert.equal(await greetingFrom(daemon, 'late:busybox/first'), 'the first\n');
      const answers = front.answers();
      assert.ok(answers.includes(`GET ${rootOf('first')} from failover: 200`), answers.join('\n'));
      for (const answer of answers) assert.match(answer, / from failover: 200$/);
    });
  }

  it('serves it through the failover as soon as the mirror has it', async () => {
    assert.equal((await get(rootOf('second'))).status, 404);
    master = await startMaster();
    await cliOutput(['mirror', 'sync'], { cwd: folder, env });
    await master.stop();
    origins();
    for (const kind of DAEMON_KINDS) {
      const daemon = daemons.get(kind)!;
      await daemon.letAnHourPass();
      assert.equal(await greetingFrom(daemon, 'caught:busybox/second'), 'the second\n');
    }
    assert.deepEqual(origins(), ['failover: 200']);
  });
});
