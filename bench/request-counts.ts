import { randomBytes } from 'node:crypto';
import { createHasher } from '../src/hashing/hasher.ts';
import { silentLogger } from '../test/support/silent-logger.ts';
import { createContext } from '../src/pipeline/context.ts';
import { indexVersions } from '../src/pipeline/indexing/index-versions.ts';
import { openS3Store, type S3StoreOptions } from '../src/storage/s3/store.ts';

/** Requests to S3 by operation, `GetObject` and so on. */
export type RequestCounts = Readonly<Record<string, number>>;

export interface CountOptions {
  /**
   * Versions that are indexed and committed together, as one invocation does with the versions that
   * are ready.
   */
  readonly versions: number;
  /** Bytes of each root. Default: 50,000. */
  readonly rootSize?: number;
  /** Versions of the same product that are published before the measurement. */
  readonly before?: number;
}

/**
 * Counts the requests that index new versions, each of metadata and one root, in a bucket that
 * already has a catalog. The requests of the upload and the first requests of a fresh store are not
 * counted.
 */
export async function countRequests(
  place: S3StoreOptions,
  { versions, rootSize = 50_000, before = 1 }: CountOptions,
): Promise<RequestCounts> {
  const counts = new Map<string, number>();
  const onRequest = (operation: string) => {
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
  };
  const store = openS3Store({ ...place, onRequest });
  const hasher = createHasher({ threads: 0 });
  const context = createContext({
    store,
    hasher,
    log: silentLogger,
    // Waits until every read has ended, so that the number of commits does not depend on the machine.
    pause: (_, signal) =>
      new Promise((resolve) => {
        if (signal) signal.addEventListener('abort', () => resolve(), { once: true });
        else setImmediate(resolve);
      }),
  });
  const product = `images/counted/1/amd64/${process.hrtime.bigint()}`;
  const upload = async (year: number, count: number): Promise<string[]> => {
    const prefixes = Array.from({ length: count }, (_, at) => `${product}/${year}0101_${at}/`);
    for (const prefix of prefixes) {
      await store.write(`${prefix}lxd.tar.xz`, randomBytes(500));
      await store.write(`${prefix}rootfs.squashfs`, randomBytes(rootSize));
    }
    return prefixes;
  };
  try {
    await indexVersions(context, await upload(2025, before));
    const prefixes = await upload(2026, versions);
    counts.clear();
    await indexVersions(context, prefixes);
    return Object.fromEntries([...counts].sort());
  } finally {
    await hasher.close();
    await store.close();
  }
}
