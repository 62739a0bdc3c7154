import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { errno, failure, type DirectoryContext } from './errors.ts';
import { STATE_FOLDER } from './keys.ts';
import { ownWrites, type OwnWrites } from './own-writes.ts';
import type { ETag } from '../object-store.ts';

/** The lock for changes of a directory store. One operation at a time holds it, across all processes. */
export interface DirectoryLock {
  /** Waits for the lock and runs `work` while holding it. Rejects with `unavailable` after `waitMs`. */
  hold<T>(
    context: DirectoryContext,
    work: (placements: OwnWrites) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T>;
  /** Returns whether a process of bucketstreams recently wrote this state; false also if the record cannot be read. */
  placed(key: string, etag: ETag): boolean;
  close(): Promise<void>;
}

interface Connection {
  readonly database: DatabaseSync;
  readonly placements: OwnWrites;
  readonly inode: string;
}

/** The wait for another process that creates the database, or closes it as its last user. Both are short. */
const SETUP_MS = 100;
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
/** CANTOPEN, READONLY, PERM, AUTH. */
const SQLITE_DENIED: readonly number[] = [14, 8, 3, 23];
const SQLITE_NOT_A_DATABASE: readonly number[] = [11, 26];

/**
 * Returns the lock of the store at `root`. It is SQLite's write lock on `.bucketstreams/lock` in the store, so
 * the kernel frees it whenever the holding process ends. SQLite uses POSIX record locks: if other code in this
 * process opens and closes that file, the lock is lost.
 */
export function directoryLock(root: string, waitMs: number): DirectoryLock {
  const path = join(root, STATE_FOLDER, 'lock');
  let connection: Connection | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function disconnect(): void {
    connection?.database.close();
    connection = undefined;
  }

  /** Returns a connection to the present lock file. Reconnects if another program has deleted or replaced it. */
  function connect(): Connection {
    if (connection !== undefined && connection.inode !== inode(path)) disconnect();
    if (connection !== undefined) return connection;
    const database = new DatabaseSync(path, { timeout: SETUP_MS });
    try {
      // With a write-ahead log, a commit needs no fsync and readers never wait for writers.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
      const table = ownWrites(database);
      // SQLite's own wait blocks the whole process. `acquire` waits asynchronously instead.
      database.exec('PRAGMA busy_timeout = 0');
      connection = { database, placements: table, inode: inode(path) };
      return connection;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  async function acquire(context: DirectoryContext, signal?: AbortSignal): Promise<Connection> {
    const deadline = Date.now() + waitMs;
    for (let pause = 1; ; pause = Math.min(pause * 2, 50)) {
      signal?.throwIfAborted();
      try {
        const opened = connect();
        opened.database.exec('BEGIN IMMEDIATE');
        return opened;
      } catch (error) {
        if (sqliteCode(error) !== SQLITE_BUSY) throw sqliteFailure(error, context, path);
        if (Date.now() > deadline) {
          throw failure(
            'unavailable',
            context,
            `another process has held the lock ${path} for ${waitMs / 1000} s. Find it (fuser ${path}) and let it end.`,
            error,
          );
        }
      }
      await sleep(pause * (0.5 + Math.random()), undefined, signal === undefined ? {} : { signal });
    }
  }

  async function alone<T>(
    context: DirectoryContext,
    work: (placements: OwnWrites) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    await makeStateFolder(root);
    const { database, placements: table } = await acquire(context, signal);
    try {
      return await work(table);
    } finally {
      // The recorded writes are true even if `work` failed after them. A failed commit records nothing.
      try {
        database.exec('COMMIT');
      } catch {
        disconnect();
      }
    }
  }

  return {
    hold(context, work, signal) {
      const turn = last.then(() => alone(context, work, signal));
      last = turn.catch(() => undefined);
      return turn;
    },
    placed(key, etag) {
      try {
        if (connection === undefined && inode(path) === '') return false;
        return (connection ?? connect()).placements.has(key, etag);
      } catch {
        return false;
      }
    },
    async close() {
      await last;
      disconnect();
    },
  };
}

/** Makes the store's state folder if it is missing. Only the owner can open it. */
export async function makeStateFolder(root: string): Promise<void> {
  await mkdir(join(root, STATE_FOLDER), { mode: 0o700 }).catch((error: unknown) => {
    if (errno(error) !== 'EEXIST') throw error;
  });
}

function inode(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? '' : `${stats.dev}:${stats.ino}`;
}

/** Returns SQLite's primary result code; undefined for other errors. */
function sqliteCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode & 0xff
    : undefined;
}

function sqliteFailure(error: unknown, context: DirectoryContext, path: string): unknown {
  const code = sqliteCode(error);
  if (code === undefined) return error;
  if (code === SQLITE_FULL) {
    return failure('no_space', context, 'the disk is full. Free some space and try again.', error);
  }
  if (SQLITE_DENIED.includes(code)) {
    return failure(
      'access_denied',
      context,
      `the lock ${path} cannot be opened for writing. Run as the user who owns the store.`,
      error,
    );
  }
  if (SQLITE_NOT_A_DATABASE.includes(code)) {
    return failure(
      'unavailable',
      context,
      `the lock ${path} is damaged. Stop every bucketstreams process on this store, delete that file, and start again.`,
      error,
    );
  }
  return error;
}
