/**
 * Another process on a directory store: `node directory-child.ts TASK FOLDER`. It prints a line
 * when it reaches the point that its test waits for.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isStoreError } from '../../../../src/storage/errors.ts';
import { openDirectoryStore } from '../../../../src/storage/directory/store.ts';

const MIB = 1024 * 1024;
const [task, folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('no folder');

switch (task ?? '') {
  case 'upload-for-ever':
    await uploadForEver(folder);
    break;
  case 'hold-the-lock':
    holdTheLock(folder);
    break;
  case 'create-rounds':
    await createRounds(folder);
    break;
  default:
    throw new Error(`unknown task ${task ?? ''}`);
}

async function uploadForEver(path: string): Promise<void> {
  const store = await openDirectoryStore({ path });
  async function* endless() {
    for (let count = 0; ; count += 1) {
      if (count === 8) console.log('in mid-upload');
      yield Buffer.alloc(MIB);
      if (count >= 8) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  await store.upload('images/endless', endless());
}

/** Behaves like an operation that was stopped between its look and its rename. */
function holdTheLock(path: string): void {
  mkdirSync(join(path, '.bucketstreams'), { recursive: true });
  const database = new DatabaseSync(join(path, '.bucketstreams/lock'));
  database.exec('PRAGMA journal_mode = WAL; BEGIN IMMEDIATE');
  console.log('holding');
  setInterval(() => database.isOpen, 60_000);
}

/**
 * Tries to create `round-0`… with the process id as content. Prints the rounds in which it
 * succeeded.
 */
async function createRounds(path: string): Promise<void> {
  const store = await openDirectoryStore({ path });
  console.log('ready');
  await new Promise((resolve) => process.stdin.once('data', resolve));
  const won: number[] = [];
  for (let round = 0; round < 50; round += 1) {
    try {
      const condition = { ifAbsent: true } as const;
      await store.write(`round-${round}`, Buffer.from(String(process.pid)), { condition });
      won.push(round);
    } catch (error) {
      if (!isStoreError(error, 'precondition_failed')) throw error;
    }
  }
  console.log(JSON.stringify(won));
  await store.close();
  process.stdin.destroy();
}
