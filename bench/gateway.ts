/**
 * Copies one large image with a real LXD into the gateway, and into a second LXD, in turn. The
 * gateway is started as a user starts it. Needs root, LXD 5, and three times the image's size on
 * the disk.
 * Usage: node bench/gateway.ts [GiB, default 4] [pairs, default 3] [split|unified]
 * [directory|minio] [push|pull|relay]
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cliOutput, startCli } from '../test/support/cli.ts';
import { startDaemon, type InstanceDaemon } from '../test/support/servers/instance-daemon.ts';
import { makeLargeImage } from '../test/support/images/large-image.ts';
import { peakMemory } from '../test/support/peak-memory.ts';
import { makeBucket } from '../test/support/services/bucket.ts';
import { startMinio } from '../test/support/services/minio.ts';
import { freePort } from '../test/support/services/service.ts';
import { temporaryFolder } from '../test/support/temporary.ts';
import { line, summarise } from './harness.ts';

const [gib = 4, pairs = 3] = process.argv.slice(2, 4).map(Number);
const [form = 'split', kind = 'directory', mode = 'push'] = process.argv.slice(4);
await using resources = new AsyncDisposableStack();
const folder = resources.use(await temporaryFolder()).path;
const { store, env } = kind === 'minio' ? await bucket() : directory();
const places = ['--store', store, '--state', join(folder, 'state')];

const files = await makeLargeImage(folder, form === 'unified' ? form : 'split', gib);
const source = resources.use(await startDaemon('lxd'));
const target = resources.use(await startDaemon('lxd'));
// The source that the targets of a pull fetch from.
await source.client('config', 'set', 'core.https_address', `127.0.0.1:${await freePort()}`);
await source.client('image', 'import', ...files, '--alias', 'large');
const image = (await source.client('image', 'list', '--format=csv', '-cF')).trim();

const gateway = startCli(['gateway', ...places, '--port', '0'], { env });
resources.defer(async () => {
  gateway.child.kill('SIGTERM');
  await gateway.ended;
});
await once(createInterface(gateway.child.stdout!), 'line');
const token = (await cliOutput(['gateway', 'token', 'bench', ...places], { env })).trim();
await source.client('remote', 'add', 'hub', token);
await target.client('config', 'set', 'core.https_address', `127.0.0.1:${await freePort()}`);
const trust = await target.client('config', 'trust', 'add', '--name', 'bench', '--quiet');
await source.client('remote', 'add', 'other', trust.trim().split('\n').at(-1)!.trim());

const idle = await peakMemory(gateway.child.pid!);
const times = { gateway: [] as number[], lxd: [] as number[] };
for (let pair = 0; pair < pairs; pair++) {
  times.gateway.push(await seconds(source, 'hub'));
  times.lxd.push(await seconds(source, 'other'));
}
const peak = await peakMemory(gateway.child.pid!);
console.log(
  `${gib} GiB, ${form}, ${kind}, ${mode}, ${pairs} pairs; sha256 alone ${await hashing()} s`,
);
console.log(line('gateway', summarise(times.gateway), ' s', 1), times.gateway.map(rounded));
console.log(line('lxd', summarise(times.lxd), ' s', 1), times.lxd.map(rounded));
const ratios = times.gateway.map((own, pair) => own / times.lxd[pair]!);
console.log(line('ratio', summarise(ratios)));
console.log(`peak memory of the gateway ${peak.toFixed(0)} MB (${idle.toFixed(0)} MB idle)`);

async function seconds(from: InstanceDaemon, remote: string): Promise<number> {
  const started = performance.now();
  await from.client('image', 'copy', 'large', `${remote}:`, `--mode=${mode}`);
  const taken = (performance.now() - started) / 1000;
  await from.client('image', 'delete', `${remote}:${image}`);
  return taken;
}

function directory() {
  return { store: `file:${join(folder, 'data')}`, env: process.env };
}

async function bucket() {
  const minio = await startMinio();
  resources.defer(() => minio.stop());
  await makeBucket(minio, 'images');
  return {
    store: `s3://images?endpoint=${minio.endpoint}`,
    env: {
      ...process.env,
      AWS_ACCESS_KEY_ID: minio.accessKey,
      AWS_SECRET_ACCESS_KEY: minio.secretKey,
    },
  };
}

async function hashing(): Promise<string> {
  const started = performance.now();
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(files.at(-1)!, { highWaterMark: 2 ** 20 })) {
    hash.update(chunk as Buffer);
  }
  hash.digest();
  return rounded((performance.now() - started) / 1000);
}

function rounded(time: number): string {
  return time.toFixed(1);
}
