/**
 * Pushes one large image by real LXD into the gateway (a directory store), and into a second LXD, in turn.
 * Usage: node bench/gateway.ts [GiB, default 4] [rounds, default 3]. Needs root, LXD 5 and twice the disk.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildBusyboxImage } from '../test/support/busybox-image.ts';
import { cliOutput, startCli } from '../test/support/cli.ts';
import { startDaemon, type InstanceDaemon } from '../test/support/instance-daemon.ts';
import { freePort } from '../test/support/services/service.ts';
import { temporaryFolder } from '../test/support/temporary.ts';

const [gib = 4, rounds = 3] = process.argv.slice(2).map(Number);
await using folder = await temporaryFolder();
const store = `file:${join(folder.path, 'data')}`;
const places = ['--store', store, '--state', join(folder.path, 'state')];

const built = join(folder.path, 'image');
await buildBusyboxImage(built, 'bench');
const root = join(folder.path, 'root');
await makeRoot(root, gib * 1024);

await using source = await startDaemon('lxd');
await using target = await startDaemon('lxd');
await source.client('image', 'import', join(built, 'lxd.tar.xz'), root, '--alias', 'large');
const image = (await source.client('image', 'list', '--format=csv', '-cF')).trim();

const gateway = startCli(['gateway', ...places, '--port', '0']);
try {
  await once(createInterface(gateway.child.stdout!), 'line');
  const token = (await cliOutput(['gateway', 'token', 'bench', ...places])).trim();
  await source.client('remote', 'add', 'hub', token);
  await target.client('config', 'set', 'core.https_address', `127.0.0.1:${await freePort()}`);
  const trust = await target.client('config', 'trust', 'add', '--name', 'bench', '--quiet');
  await source.client('remote', 'add', 'other', trust.trim().split('\n').at(-1)!.trim());

  const idle = await peakMemory();
  const times = { gateway: [] as number[], lxd: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    times.gateway.push(await seconds(source, 'hub'));
    times.lxd.push(await seconds(source, 'other'));
  }
  const [ours, theirs] = [median(times.gateway), median(times.lxd)];
  const peak = await peakMemory();
  console.log(`${gib} GiB, sha256 alone ${(await hashing(root)).toFixed(1)} s`);
  console.log(
    `gateway ${ours.toFixed(1)} s (${times.gateway.map((t) => t.toFixed(1)).join(', ')})`,
  );
  console.log(`lxd     ${theirs.toFixed(1)} s (${times.lxd.map((t) => t.toFixed(1)).join(', ')})`);
  console.log(
    `ratio ${(ours / theirs).toFixed(2)}, peak memory of the gateway ${peak.toFixed(0)} MB (idle ${idle.toFixed(0)} MB)`,
  );
} finally {
  gateway.child.kill('SIGTERM');
  await gateway.ended;
}

/** Of the gateway, in MB. */
async function peakMemory(): Promise<number> {
  const status = await readFile(`/proc/${gateway.child.pid!}/status`, 'utf8');
  return Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1000;
}

async function seconds(from: InstanceDaemon, remote: string): Promise<number> {
  const started = performance.now();
  await from.client('image', 'copy', 'large', `${remote}:`, '--mode=push');
  const taken = (performance.now() - started) / 1000;
  await from.client('image', 'delete', `${remote}:${image}`);
  return taken;
}

/** A file that says it is a squashfs and does not compress. LXD unpacks nothing at an import. */
async function makeRoot(path: string, mebibytes: number): Promise<void> {
  await using file = await open(path, 'w');
  const block = randomBytes(1024 * 1024);
  for (let n = 0; n < mebibytes; n++) {
    block.writeUInt32LE(n, 512);
    await file.write(block);
  }
  await file.write('hsqs', 0);
}

async function hashing(path: string): Promise<number> {
  const started = performance.now();
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer);
  }
  hash.digest();
  return (performance.now() - started) / 1000;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}
