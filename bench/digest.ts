import { randomFillSync } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { line, runPairs, summarise } from './harness.ts';
import type { HashedRoot } from './hash-root.ts';

// Compares two digests of a root by our whole process with one by `openssl dgst -sha256` of the
// same file.

const MIB = 1024 * 1024;
const ROOT = 'images/os/release/amd64/default/20260101/rootfs.squashfs';
const METADATA = 'images/os/release/amd64/default/20260101/lxd.tar.xz';
const pairs = Number(process.argv[2] ?? 5);
const mebibytes = Number(process.argv[3] ?? 512);

function source(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}

/** Bundled as for a function: the worker is a separate entry point next to the other. */
async function bundle(outdir: string): Promise<string> {
  await build({
    entryPoints: [source('hash-root.ts'), source('../src/hashing/digest-worker.ts')],
    entryNames: '[name]',
    bundle: true,
    platform: 'node',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    outdir,
    logLevel: 'warning',
  });
  return join(outdir, 'hash-root.mjs');
}

function makeStore(path: string): void {
  mkdirSync(join(path, ROOT, '..'), { recursive: true });
  writeFileSync(join(path, METADATA), Buffer.alloc(612, 'metadata'));
  const block = Buffer.alloc(MIB);
  const file = openSync(join(path, ROOT), 'w');
  for (let n = 0; n < mebibytes; n += 1) writeSync(file, randomFillSync(block));
  // Without this the file is written to the disk while it is hashed.
  fsyncSync(file);
  closeSync(file);
}

async function measure(what: string, node: readonly string[], store: string, threads: string) {
  const ours = ['env', ...node, store, ROOT, METADATA, threads] as const;
  const openssl = ['openssl', 'dgst', '-sha256', '-r', join(store, ROOT)] as const;
  const runs = await runPairs([...ours], [...openssl], { pairs });
  const results = runs.map(([mine]) => JSON.parse(mine.stdout) as HashedRoot);
  for (const [n, [, theirs]] of runs.entries()) {
    if (theirs.stdout.slice(0, 64) !== results[n]?.sha256) throw new Error('The digests differ.');
  }
  console.log(`\n${what}`);
  console.log(line('  openssl, one digest', summarise(runs.map(([, b]) => b.seconds)), ' s', 3));
  console.log(line('  ours, two digests', summarise(runs.map(([a]) => a.seconds)), ' s', 3));
  console.log(
    line('  ours / openssl', summarise(runs.map(([a, b]) => a.seconds / b.seconds)), ' ×'),
  );
  const cpu = results.map(({ cpuSeconds }) => cpuSeconds);
  console.log(line('  processor time of ours', summarise(cpu), ' s', 3));
  const peaks = results.map(({ maxRssKiB }) => maxRssKiB / 1024);
  console.log(line('  peak memory of ours', summarise(peaks), ' MiB', 0));
}

const folder = mkdtempSync(join(tmpdir(), 'bench-digest-'));
try {
  const store = join(folder, 'store');
  makeStore(store);
  const bundled = await bundle(join(folder, 'bundle'));
  console.log(`A root of ${mebibytes} MiB in a directory store, ${pairs} pairs of runs after one.`);
  const fromSources = [process.execPath, source('hash-root.ts')];
  const cache = `NODE_COMPILE_CACHE=${join(folder, 'cache')}`;
  await measure('Bundled, as a function is', [process.execPath, bundled], store, 'auto');
  await measure('From the sources', fromSources, store, 'auto');
  await measure('From the sources, with a compile cache', [cache, ...fromSources], store, 'auto');
  await measure('Bundled, on one thread', [process.execPath, bundled], store, '0');
} finally {
  rmSync(folder, { recursive: true });
}
