import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LAUNCHER = join(ROOT, 'bin/bucketstreams.js');
/** Makes Node report an old version, so the launcher has to find another Node. */
const OLD_NODE = `data:text/javascript,${encodeURIComponent(
  `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.0.0' } })`,
)}`;

describe('launcher', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'launcher-'))));
  afterEach(() => rm(folder, { recursive: true }));

  const start = (command: string, args: readonly string[]) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr.resume();
    // Every process that still has one of its pipes prevents 'close'.
    const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    return { child, ended, lines: createInterface(child.stdout) };
  };
  /** Copies the program into the folder as an installation does, without compiled code. */
  async function install(): Promise<void> {
    for (const part of ['bin', 'src', 'package.json']) {
      await cp(join(ROOT, part), join(folder, part), { recursive: true });
    }
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  }
  const old = ['--import', OLD_NODE, LAUNCHER];

  it('starts on an old Node, with the Node of the package', async () => {
    const { ended, lines } = start(process.execPath, [...old, '--version']);
    const [line] = (await once(lines, 'line')) as [string];
    assert.match(line, /^bucketstreams \d/);
    assert.equal((await ended)[0], 0);
  });

  it('passes exit codes on', async () => {
    assert.equal((await start(process.execPath, [...old, 'frobnicate']).ended)[0], 2);
    assert.equal((await start(process.execPath, [LAUNCHER, 'frobnicate']).ended)[0], 2);
  });

  it('starts without a message when compiled code cannot be stored', async () => {
    await install();
    // Even root cannot make a folder in a file.
    await writeFile(join(folder, '.cache'), '');
    await chmod(folder, 0o555);
    const args = [join(folder, 'bin/bucketstreams.js'), '--version'];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    const [code] = (await once(child, 'close')) as [number];
    await chmod(folder, 0o755);
    assert.match(said, /^bucketstreams \d\S+\n$/);
    assert.equal(code, 0);
  });

  it('has compiled code after an installation', async () => {
    await install();
    const run = async (...args: readonly string[]) => {
      const env = { ...process.env, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
      const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      const [code] = (await once(child, 'close')) as [number];
      assert.equal(code, 0);
      return [...said.matchAll(/no transpile cache for StrippedTypeScript (\S+)/g)].length;
    };
    assert((await run(join(folder, 'bin/compile.js'))) > 100);
    const program = join(folder, 'bin/bucketstreams.js');
    assert.equal(await run(program, 'gateway', '--help'), 0);
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`passes ${signal} on and waits for the end`, async () => {
      const store = `file:${folder}/data`;
      const args = [...old, 'serve', '--store', store, '--port', '0'];
      const { child, ended, lines } = start(process.execPath, args);
      const [url] = (await once(lines, 'line')) as [string];
      child.kill(signal);
      assert.equal((await ended)[0], 0);
      // The server itself has ended too.
      await assert.rejects(fetch(url.replace('https:', 'http:')));
    });
  }

  for (const [command, ...args] of [
    ['npm', 'start', '--silent', '--'],
    ['npx', '--no-install', 'bucketstreams', 'serve'],
  ] as const) {
    it(`is what ${command} starts, and nothing is left when that ends`, async () => {
      const flags = ['--store', `file:${folder}/data`, '--port', '0'];
      const { child, ended, lines } = start(command, [...args, ...flags]);
      const [url] = (await once(lines, 'line')) as [string];
      assert.match(url, /^https:\/\/127\.0\.0\.1:\d+$/);
      child.kill('SIGTERM');
      await ended;
    });
  }

  it('is what npx bucketstreams runs in a checkout', async () => {
    const { ended, lines } = start('npx', ['--no-install', 'bucketstreams', '--version']);
    const [line] = (await once(lines, 'line')) as [string];
    assert.match(line, /^bucketstreams \d/);
    assert.equal((await ended)[0], 0);
  });
});
