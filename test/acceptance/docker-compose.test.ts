import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildBusyboxImage } from '../support/images/busybox-image.ts';
import { readImages } from '../support/clients.ts';
import { loadBaseImages } from '../support/docker-bases.ts';
import { startDocker, type DockerEngine } from '../support/docker.ts';
import { eventually } from '../support/eventually.ts';
import { README_LINES } from '../support/readme.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { pythonProgram } from '../support/tools.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const VERSION = '20260101';
const PATH = `images/busybox/1.36/amd64/default/${VERSION}`;

const resources = new AsyncDisposableStack();
let folder: string;
let engine: DockerEngine;

const compose = (...args: readonly string[]): Promise<string> =>
  engine.docker(['compose', ...args], { cwd: CHECKOUT });
const [UP, EXPORT, COPY, TRUST] = README_LINES.compose;

/** Reads a path of the front as a client in the compose file's network does. */
async function get(path: string): Promise<Buffer> {
  const target = join(folder, 'body');
  const options = ['--silent', '--show-error', '--fail', '--cacert', join(folder, 'ca.crt')];
  await engine.inside('curl', [
    ...options,
    ...['--output', target, `https://localhost:8443${path}`],
  ]);
  return readFile(target);
}

/** The addresses at which the server's ports are published outside its container, by port. */
async function published(env: NodeJS.ProcessEnv = {}): Promise<Readonly<Record<string, string>>> {
  const text = await engine.docker(['compose', 'config', '--format', 'json'], {
    cwd: CHECKOUT,
    env,
  });
  const { services } = JSON.parse(text) as {
    readonly services: Readonly<
      Record<string, { readonly ports: { host_ip: string; published: string }[] }>
    >;
  };
  const ports = services['bucketstreams']?.ports ?? [];
  return Object.fromEntries(ports.map(({ published: port, host_ip }) => [port, host_ip]));
}

/** The words of a README line after the name of its program. */
function wordsAfter(program: string, line: string): string[] {
  const [first, ...words] = line.split(' ');
  assert.equal(first, program);
  return words;
}

/**
 * The commands of docs/gateway.md that build the image and run a gateway from it, with this test's
 * bucket and name.
 */
async function documentedGateway() {
  const text = await readFile(join(CHECKOUT, 'docs/gateway.md'), 'utf8');
  const block = /```sh\n(docker build [^`]+)```/.exec(text)?.[1] ?? '';
  const lines = block
    .replaceAll(/\\\n/g, ' ')
    .replaceAll("'s3://my-images?region=eu-west-1'", 's3://images?endpoint=http://minio:9000')
    .replaceAll('hub.example.org', 'localhost')
    .trim()
    .split('\n');
  const [build, start, token] = lines.map((line) => wordsAfter('docker', line).filter(Boolean));
  assert.ok(build && start && token, 'the document has them');
  return { build, start, token };
}

before(async () => {
  folder = resources.use(await temporaryFolder()).path;
  engine = resources.use(await startDocker());
  await loadBaseImages(engine);
});
after(() => resources.disposeAsync());

describe('docker compose up', () => {
  it('starts a bucket and a server that lists nothing', async () => {
    await engine.docker(wordsAfter('docker', UP), { cwd: CHECKOUT });
    await eventually(async () => {
      const words = wordsAfter('docker', TRUST).map((word) =>
        word === 'ca.crt' ? join(folder, word) : word,
      );
      await engine.docker(words, { cwd: CHECKOUT });
      const { document } = readImages(await get('/streams/v1/images.json'));
      assert.deepEqual(document.products, {});
      return true;
    }).catch(async (error: unknown) => {
      throw new Error(await compose('logs'), { cause: error });
    });
    const compiled = await compose(
      ...['exec', '-T', 'bucketstreams', 'sh', '-c', 'echo .cache/node/*/*'],
    );
    assert.doesNotMatch(compiled, /\*/);
  });

  it('lists what aws s3 cp puts into the bucket', async () => {
    const { directory } = await buildBusyboxImage(join(folder, VERSION), 'from a bucket');
    const tools = `${dirname(pythonProgram('aws'))}:${process.env.PATH ?? ''}`;
    await engine.inside('sh', ['-c', `${EXPORT}\n${COPY}`], {
      cwd: folder,
      env: { PATH: tools },
    });
    // This must happen by the event: the next scan of the whole bucket is five minutes later.
    const image = await eventually(async () => {
      const images = readImages(await get('/streams/v1/images.json'));
      return images.imagesFor('incus').find(({ version }) => version === VERSION);
    }).catch(async (error: unknown) => {
      throw new Error(await compose('logs'), { cause: error });
    });
    const root = image.files.find(({ path }) => path.endsWith('rootfs.squashfs'));
    assert.equal(root?.path, `${PATH}/rootfs.squashfs`);
    assert.deepEqual(
      await get(`/${root.path}`),
      await readFile(join(directory, 'rootfs.squashfs')),
    );
  });

  it("publishes the gateway's port on loopback by default", async () => {
    const answer = await engine.inside('curl', [
      ...['--silent', '--show-error', '--fail', '--cacert', join(folder, 'ca.crt')],
      'https://localhost:8444/1.0',
    ]);
    const { metadata } = JSON.parse(answer) as { readonly metadata: { readonly auth: string } };
    assert.equal(metadata.auth, 'untrusted');
    const command = ['node', 'bin/bucketstreams.js', 'gateway', 'token', 'laptop'];
    const token = await compose('exec', '-T', 'bucketstreams', ...command, '--state', '/state');
    const { addresses } = JSON.parse(Buffer.from(token.trim(), 'base64').toString()) as {
      readonly addresses: readonly string[];
    };
    assert.deepEqual(addresses, ['localhost:8444']);
    assert.deepEqual(await published(), { 8443: '0.0.0.0', 8444: '127.0.0.1' });
    const asked = await published({ BUCKETSTREAMS_GATEWAY_ADDRESS: '192.0.2.1' });
    assert.deepEqual(asked, { 8443: '0.0.0.0', 8444: '192.0.2.1' });
  });

  it('can be replaced by a gateway alone, started as in docs/gateway.md', async () => {
    await compose('stop', 'bucketstreams');
    const { build, start, token } = await documentedGateway();
    await engine.docker(build, { cwd: CHECKOUT });
    const keys = ['AWS_ACCESS_KEY_ID=bucketstreams', 'AWS_SECRET_ACCESS_KEY=bucketstreams'];
    const place = ['--network', 'bucketstreams_default', ...keys.flatMap((key) => ['--env', key])];
    await engine.docker(start.flatMap((word) => (word === '-d' ? [word, ...place] : [word])));
    const env = { HOME: folder, LXD_CONF: join(folder, 'client') };
    const { directory } = await buildBusyboxImage(join(folder, 'by-lxc'), 'by lxc');
    const files = ['lxd.tar.xz', 'rootfs.squashfs'].map((file) => join(directory, file));
    const joining = await eventually(() => engine.docker(token));
    await eventually(async () => {
      await engine.inside('lxc', ['remote', 'add', 'hub', joining.trim()], { env });
      return true;
    });
    const named = ['hub:', '--alias', 'busybox/1.36/uploaded'];
    await engine.inside('lxc', ['image', 'import', ...files, ...named], { env });
    await engine.docker(['rm', '--force', '--volumes', 'hub']);
    await compose('start', 'bucketstreams');
    await eventually(async () => {
      const images = readImages(await get('/streams/v1/images.json'));
      return images.imagesFor('lxd').some(({ product }) => product.endsWith(':uploaded'));
    });
  });

  it('keeps everything when it is taken down and brought up again', async () => {
    await compose('down');
    await compose('up', '--detach');
    await eventually(async () => {
      const images = readImages(await get('/streams/v1/images.json'));
      return images.imagesFor('lxd').some(({ version }) => version === VERSION);
    });
    await compose('down', '--volumes');
  });
});
