import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { glob, readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { openDirectoryStore } from '../../../../src/storage/directory/store.ts';
import { collect, rejectsWith } from '../../../support/stores/objects.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const PROGRAM = join(import.meta.dirname, 'child.ts');

interface Child {
  readonly process: ChildProcessWithoutNullStreams;
  /** The next line that it prints. */
  line(): Promise<string>;
  kill(): Promise<void>;
}

function start(task: string, folder: string): Child {
  const child = spawn(process.execPath, [PROGRAM, task, folder]);
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const ended = once(child, 'close');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    process: child,
    async line() {
      const next = await lines.next();
      assert(next.done !== true, `the child ended: ${Buffer.concat(errors).toString()}`);
      return next.value;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

describe('directory store with several processes', () => {
  it('shows nothing of an upload whose process was killed, and cleans up a day later', async () => {
    await using folder = await temporaryFolder();
    const child = start('upload-for-ever', folder.path);
    assert.equal(await child.line(), 'in mid-upload');
    await child.kill();
    const store = await openDirectoryStore(folder);
    assert.deepEqual(await collect(store.list('')), []);
    assert.equal(await store.stat('images/endless'), undefined);
    const left = () => collect(glob('images/.tmp-*', { cwd: folder.path }));
    assert.equal((await left()).length, 1);
    await store.write('images/endless', Buffer.from('done'));
    assert.deepEqual(
      (await collect(store.list(''))).map(({ key }) => key),
      ['images/endless'],
    );
    // The ctime of a file cannot be set back, so the test cannot let a day pass: a young file
    // stays.
    const [name] = await left();
    await utimes(join(folder.path, name!), 0, 0);
    await collect(store.list(''));
    assert.equal((await left()).length, 1);
    await store.close();
  });

  it('waits for the holder of the lock, but not for one that was killed', async () => {
    await using folder = await temporaryFolder();
    const child = start('hold-the-lock', folder.path);
    assert.equal(await child.line(), 'holding');
    const hasty = await openDirectoryStore({ path: folder.path, lockWaitMs: 20 });
    await rejectsWith('unavailable', hasty.write('key', Buffer.from('x')));
    assert.equal(await hasty.stat('key'), undefined);
    assert.deepEqual(await collect(hasty.list('')), []);
    const patient = await openDirectoryStore({ path: folder.path });
    const writing = patient.write('key', Buffer.from('x'));
    await child.kill();
    await writing;
    await hasty.write('key', Buffer.from('y'));
    assert.equal(await readFile(join(folder.path, 'key'), 'utf8'), 'y');
    await hasty.close();
    await patient.close();
  });

  it('lets exactly one of several processes create an object', async () => {
    await using folder = await temporaryFolder();
    const children = [1, 2, 3].map(() => start('create-rounds', folder.path));
    for (const child of children) assert.equal(await child.line(), 'ready');
    for (const child of children) child.process.stdin.write('go\n');
    const wins = await Promise.all(
      children.map(async (child) => JSON.parse(await child.line()) as number[]),
    );
    const rounds = wins.flat().sort((a, b) => a - b);
    assert.deepEqual(
      rounds,
      Array.from({ length: 50 }, (_, round) => round),
    );
    for (const [index, won] of wins.entries()) {
      for (const round of won) {
        const content = await readFile(join(folder.path, `round-${round}`), 'utf8');
        assert.equal(content, String(children[index]!.process.pid));
      }
    }
  });

  it('treats as complete what another process of ours placed', async () => {
    await using folder = await temporaryFolder();
    const child = start('create-rounds', folder.path);
    assert.equal(await child.line(), 'ready');
    child.process.stdin.write('go\n');
    await child.line();
    const store = await openDirectoryStore({ path: folder.path, settleMs: 3_600_000 });
    const listed = await collect(store.list(''));
    assert.equal(listed.length, 50);
    assert(listed.every(({ unsettledFor }) => unsettledFor === undefined));
    await store.close();
  });
});
