import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import type { Hasher } from '../images/digests.ts';
import { inlineHasher } from './inline-hasher.ts';
import { threadedHasher } from './threaded-hasher.ts';

export interface HasherOptions {
  /**
   * How many threads compute digests beside the calling one: 0 for none, 2 to compute the file's digest and
   * the prefixed ones in parallel, 'auto' (the default) for 2 where the process may use two processors or
   * more, else 0. A function that is given less than two processors may see two: tell it 0.
   */
  readonly threads?: 'auto' | 0 | 2;
  /**
   * The module of the threads. By default it is `digest-worker` beside this one, with the same extension:
   * a bundle brings it as an entry point of its own.
   */
  readonly workerUrl?: URL;
}

/** Makes a hasher. Its threads start with the first stream that is worth them, and end with `close`. */
export function createHasher({ threads = 'auto', workerUrl }: HasherOptions = {}): Hasher {
  if (threads === 0 || (threads === 'auto' && availableParallelism() < 2)) return inlineHasher;
  return threadedHasher(workerUrl ?? workerBeside(import.meta.url));
}

function workerBeside(module: string): URL {
  return new URL(`./digest-worker${extname(module)}`, module);
}
