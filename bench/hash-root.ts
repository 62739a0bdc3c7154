import { buffer } from 'node:stream/consumers';
import { createHasher } from '../src/hashing/hasher.ts';
import { openDirectoryStore } from '../src/storage/directory/store.ts';

/** What the measured process prints. */
export interface HashedRoot {
  readonly sha256: string;
  readonly combined: string;
  /** Peak resident memory of the process, threads included. */
  readonly maxRssKiB: number;
  /** User and system time of all threads. */
  readonly cpuSeconds: number;
}

const [path = '', rootKey = '', metadataKey = '', threads = 'auto'] = process.argv.slice(2);
const store = await openDirectoryStore({ path, use: 'read' });
const hasher = createHasher({ threads: threads === '0' ? 0 : 'auto' });
// The pipeline also passes the size, which it has from the listing.
hasher.prepare((await store.stat(rootKey))?.size ?? 0);
const metadata = await buffer((await store.read(metadataKey)).stream);
const pass = await hasher.digest((await store.read(rootKey)).stream, [metadata]);
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
const result: HashedRoot = {
  sha256: pass.sha256,
  combined: pass.prefixed[0] ?? '',
  maxRssKiB: maxRSS,
  cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
};
console.log(JSON.stringify(result));
await hasher.close();
await store.close();
