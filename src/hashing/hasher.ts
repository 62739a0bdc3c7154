import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { Hasher } from '../images/digests.ts';
import { inlineHasher } from './inline-hasher.ts';
import { threadedHasher } from './threaded-hasher.ts';

export interface HasherOptions {
  /**
   * How many threads compute digests besides the calling one:
   *
   * - 0: none
   * - 2: compute the file's digest and the prefixed digests in parallel
   * - 'auto' (the default): 2 if the process may use at least two processors, else 0
   *
   * An AWS function with less than two processors may still see two. Give 0 there.
   */
  readonly threads?: 'auto' | 0 | 2;
  /**
   * The module of the threads. Default: `digest-worker` in this module's folder, with the same extension. A
   * bundle must contain it as a separate entry point.
   */
  readonly workerUrl?: URL;
}

/** Makes a hasher. Its threads start with the first stream that is large enough, and end with `close`. */
export function createHasher({ threads = 'auto', workerUrl }: HasherOptions = {}): Hasher {
  if (threads === 0 || (threads === 'auto' && availableParallelism() < 2)) return inlineHasher;
  return threadedHasher(workerUrl ?? workerBeside(import.meta.url));
}

function workerBeside(module: string): URL {
  return new URL(`./digest-worker${extname(module)}`, module);
}
