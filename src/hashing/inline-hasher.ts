import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import type { Hasher, Pass, Sha256 } from '../images/digests.ts';

/** The hashes of one pass: the file's hash, and one for each prefix. */
export class PassHashes {
  readonly #file = createHash('sha256');
  readonly #prefixed: readonly Hash[];
  #size = 0;

  constructor(prefixes: readonly Uint8Array[]) {
    this.#prefixed = prefixes.map((prefix) => createHash('sha256').update(prefix));
  }

  update(chunk: Uint8Array): void {
    this.#size += chunk.byteLength;
    this.#file.update(chunk);
    for (const hash of this.#prefixed) hash.update(chunk);
  }

  finish(): Pass {
    return {
      sha256: this.#file.digest('hex') as Sha256,
      size: this.#size,
      prefixed: this.#prefixed.map((hash) => hash.digest('hex') as Sha256),
    };
  }
}

/** Computes every digest on the calling thread, from the same chunks. */
export const inlineHasher: Hasher = {
  async digest(body, prefixes) {
    const hashes = new PassHashes(prefixes);
    for await (const chunk of body) hashes.update(chunk);
    return hashes.finish();
  },
  prepare: () => undefined,
  close: () => Promise.resolve(),
};
