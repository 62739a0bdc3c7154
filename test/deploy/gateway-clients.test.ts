import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import {
  ARCHITECTURE,
  buildBusyboxImage,
  type BusyboxFile,
} from '../support/images/busybox-image.ts';
import { Deployer } from '../support/aws/cdk.ts';
import { cliOutput, startCli } from '../support/cli.ts';
import { readImages } from '../support/clients.ts';
import { startEdgeFront } from '../support/servers/edge-front.ts';
import { eventually } from '../support/eventually.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type DaemonKind,
  type InstanceDaemon,
} from '../support/servers/instance-daemon.ts';
import { startMinistack, type LocalAws } from '../support/aws/ministack.ts';
import { greetingFrom, listImages } from '../support/images/remote-images.ts';
import { freePort } from '../support/services/service.ts';
import { temporaryFolder } from '../support/temporary.ts';

const BUCKET = 'clients-master';
const REGION = 'eu-central-1';
const CONFIG = `
[deployment]
name = "clients"
[store]
master = "s3://${BUCKET}?region=${REGION}"
`;

const MODES = ['relay', 'push', 'pull'] as const;
const FORMS: Readonly<Record<string, readonly BusyboxFile[]>> = {
  split: ['lxd.tar.xz', 'rootfs.squashfs'],
  unified: ['lxd_combined.tar.gz'],
  machine: ['lxd.tar.xz', 'disk.qcow2'],
};

const resources = new AsyncDisposableStack();
const daemons = new Map<DaemonKind, InstanceDaemon>();
let aws: LocalAws;
let folder: string;
let token: (name: string) => Promise<string>;

before(
  async () => {
    folder = resources.use(await temporaryFolder()).path;
    aws = resources.use(await startMinistack());
    const deployer = new Deployer(aws, folder);
    await deployer.configure(CONFIG);
    await deployer.bootstrap(REGION);
    await deployer.deploy();
    const outputs = await deployer.outputs('clients');
    const front = resources.use(await startEdgeFront(aws, outputs['DistributionDomain'] ?? ''));
    token = await startGateway(outputs['GatewayRole'] ?? '');
    for (const kind of DAEMON_KINDS) {
      const daemon = resources.use(await startDaemon(kind, { trust: aws.certificate }));
      daemons.set(kind, daemon);
      await daemon.client('config', 'set', 'core.https_address', `127.0.0.1:${await freePort()}`);
      await daemon.client('remote', 'add', 'cloud', front.url, '--protocol=simplestreams');
    }
  },
  { timeout: 600_000 },
);
after(() => resources.disposeAsync());

function storeUrl(): string {
  return `s3://${BUCKET}?region=${REGION}&endpoint=${aws.endpoint}`;
}

/**
 * Starts the gateway under the role that the deployment has for it. Gives a function that makes
 * tokens.
 */
async function startGateway(role: string): Promise<typeof token> {
  const session = ['--role-arn', role, '--role-session-name', 'gateway'];
  const { Credentials } = JSON.parse(await aws.aws(['sts', 'assume-role', ...session])) as {
    readonly Credentials: Readonly<Record<string, string>>;
  };
  const env = {
    ...aws.environment,
    AWS_ACCESS_KEY_ID: Credentials['AccessKeyId'],
    AWS_SECRET_ACCESS_KEY: Credentials['SecretAccessKey'],
    AWS_SESSION_TOKEN: Credentials['SessionToken'],
  };
  const places = ['--store', storeUrl(), '--state', join(folder, 'state')];
  const running = startCli(['gateway', ...places, '--port', '0'], { env, cwd: folder });
  resources.defer(async () => {
    running.child.kill('SIGTERM');
    await running.ended;
  });
  const first = once(createInterface(running.child.stdout!), 'line');
  const ended = running.ended.then(({ stderr }) => Promise.reject(new Error(stderr)));
  await Promise.race([first, ended]);
  return async (name) => {
    const args = ['gateway', 'token', name, ...places];
    return (await cliOutput(args, { env, cwd: folder })).trim();
  };
}

/** Returns the entries for LXD of the bucket's public file. */
async function publicImages() {
  const text = await aws.aws(['s3', 'cp', `s3://${BUCKET}/streams/v1/images.json`, '-']);
  return readImages(Buffer.from(text)).imagesFor('lxd');
}

/** Waits until the functions have published or removed it. */
async function untilPublic(
  done: (images: Awaited<ReturnType<typeof publicImages>>) => boolean,
): Promise<void> {
  await eventually(async () => done(await publicImages()), 120_000).catch((error: unknown) => {
    throw new Error(`the functions wrote\n${aws.log()}`, { cause: error });
  });
}

describe('a gateway beside a deployment', () => {
  for (const kind of DAEMON_KINDS) {
    const other = kind === 'lxd' ? 'incus' : 'lxd';
    const alias = (variant: string) => `${kind}/hub/${variant}`;
    const productOf = (variant: string) => `${kind}:hub:${ARCHITECTURE}:${variant}`;
    const built = async (variant: string, ...files: readonly BusyboxFile[]) => {
      const path = join(folder, `${kind}-${variant}`);
      await buildBusyboxImage(path, `${kind} ${variant}`, files);
      return files.map((file) => join(path, file));
    };

    it(`receives what the real ${kind} sends, and the function publishes it`, async () => {
      const daemon = daemons.get(kind)!;
      const client = (...args: readonly string[]) => daemon.client(...args);
      await client('remote', 'add', 'hub', await token(kind));
      for (const [form, files] of Object.entries(FORMS)) {
        for (const mode of MODES) {
          const variant = `${mode}-${form}`;
          await client('image', 'import', ...(await built(variant, ...files)), '--alias', variant);
          await client(
            ...['image', 'copy', variant, 'hub:', `--mode=${mode}`, '--alias', alias(variant)],
          );
        }
        const paths = await built(`import-${form}`, ...files);
        await client('image', 'import', ...paths, 'hub:', '--alias', alias(`import-${form}`));
      }
      await client('init', 'relay-split', 'box');
      await client('config', 'set', 'box', 'user.note', 'published');
      await client('publish', 'box', 'hub:', '--alias', alias('published'));
      await client('delete', 'box');
      const forms = [...MODES, 'import'].flatMap((way) =>
        Object.keys(FORMS).map((form) => `${way}-${form}`),
      );
      const products = [...forms, 'published'].map(productOf);
      await untilPublic((images) =>
        products.every((wanted) => images.some(({ product }) => product === wanted)),
      );
      const listed = await listImages(daemon, 'hub:');
      const machine = listed.find(({ aliases }) => aliases.includes(alias('pull-machine')));
      assert.equal(machine?.type, 'virtual-machine');
    });

    it(`publishes from ${kind} into the bucket of a deployment`, async () => {
      const daemon = daemons.get(kind)!;
      const files = await built('from', 'lxd.tar.xz', 'rootfs.squashfs');
      await daemon.client('image', 'import', ...files, '--alias', 'from');
      await daemon.client('launch', 'from', 'source', '--quiet');
      await daemon.client('snapshot', ...(kind === 'lxd' ? [] : ['create']), 'source', 'snap');
      // The same bytes are published once.
      await daemon.client('exec', 'source', '--', 'sh', '-c', 'echo later >/etc/later');
      await daemon.client('stop', '--force', 'source');
      for (const [name, variant] of [
        ['from', 'from'],
        ['source', 'from-instance'],
        ['source/snap', 'from-snapshot'],
      ] as const) {
        const product = `${kind}/hub/${ARCHITECTURE}/${variant}`;
        await cliOutput(
          ['publish', '--store', storeUrl(), '--from', `${kind}:${name}`, '--product', product],
          { env: { ...aws.environment, [`${kind.toUpperCase()}_DIR`]: daemon.directory } },
        );
      }
      await daemon.client('delete', 'source');
      await untilPublic((images) =>
        ['from', 'from-instance', 'from-snapshot'].every((variant) =>
          images.some(({ product }) => product === productOf(variant)),
        ),
      );
    });

    it(`lets ${kind} delete what it sent`, async () => {
      await daemons.get(kind)!.client('image', 'delete', `hub:${alias('push-split')}`);
      const gone = productOf('push-split');
      await untilPublic((images) => !images.some(({ product }) => product === gone));
    });

    it(`lets the real ${other} launch it through the distribution`, async () => {
      const daemon = daemons.get(other)!;
      await daemon.letAnHourPass();
      for (const variant of ['pull-split', 'push-unified', 'published', 'from-snapshot']) {
        const greeting = await greetingFrom(daemon, `cloud:${alias(variant)}`);
        const made = { published: 'relay-split', 'from-snapshot': 'from' }[variant] ?? variant;
        assert.equal(greeting, `${kind} ${made}\n`);
      }
    });
  }

  it('leaves nothing in staging', async () => {
    assert.equal((await aws.aws(['s3', 'ls', `s3://${BUCKET}`])).includes('uploads/'), false);
  });
});
