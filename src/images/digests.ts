/** A SHA-256 in 64 lowercase hexadecimal characters; LXD and Incus refuse any other form. */
export type Sha256 = string & { readonly __brand: 'Sha256' };

/** What one pass over a file's bytes yields. */
export interface Pass {
  readonly sha256: Sha256;
  /** Bytes that passed. */
  readonly size: number;
  /** For each given prefix, in its order, sha256(prefix ‖ bytes). */
  readonly prefixed: readonly Sha256[];
}

/** Computes digests of streams. Implementations may use threads; the answer is the same. */
export interface Hasher {
  /** Reads `body` once, to its end, in bounded memory. Rejects with the body's own error. */
  digest(body: AsyncIterable<Uint8Array>, prefixes: readonly Uint8Array[]): Promise<Pass>;
  /** Tells that a stream of so many bytes comes soon: threads that it is worth may start in the meantime. */
  prepare(size: number): void;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** Reads a digest as a person or a program wrote it; undefined when it is none. */
export function parseSha256(text: string): Sha256 | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? (text as Sha256) : undefined;
}
