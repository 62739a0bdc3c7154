import type { DatabaseSync } from 'node:sqlite';
import type { ETag } from '../object-store.ts';

/** The files that bucketstreams itself wrote to this store in the last ten minutes. They are complete. */
export interface OwnWrites {
  has(key: string, etag: ETag): boolean;
  /** The modification time (nanoseconds) of the file that was last written under this key. */
  modified(key: string): bigint | undefined;
  /** The caller must hold the lock. */
  add(key: string, etag: ETag, modified: bigint): void;
}

const KEPT_MS = 10 * 60_000;

/** Stores the records in the lock's own database. */
export function ownWrites(database: DatabaseSync): OwnWrites {
  database.exec(`
    CREATE TABLE IF NOT EXISTS placed
      (key TEXT PRIMARY KEY, etag TEXT NOT NULL, modified INTEGER NOT NULL, at INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS placed_at ON placed (at)`);
  const etagOf = database.prepare('SELECT etag FROM placed WHERE key = ?');
  const modifiedOf = database.prepare('SELECT modified FROM placed WHERE key = ?');
  modifiedOf.setReadBigInts(true);
  const insert = database.prepare('INSERT OR REPLACE INTO placed VALUES (?, ?, ?, ?)');
  const prune = database.prepare('DELETE FROM placed WHERE at < ?');
  return {
    has: (key, etag) => etagOf.get(key)?.['etag'] === etag,
    modified(key) {
      const value = modifiedOf.get(key)?.['modified'];
      return typeof value === 'bigint' ? value : undefined;
    },
    add(key, etag, modified) {
      insert.run(key, etag, modified, Date.now());
      prune.run(Date.now() - KEPT_MS);
    },
  };
}
