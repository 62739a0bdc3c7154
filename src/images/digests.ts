/** A SHA-256 in 64 lowercase hexadecimal characters. LXD and Incus reject any other form. */
export type Sha256 = string & { readonly __brand: 'Sha256' };

/** The result of reading a file's bytes once. */
export interface Pass {
  readonly sha256: Sha256;
  /** The number of bytes read. */
  readonly size: number;
  /** For each given prefix, in its order, sha256(prefix ‖ bytes). */
  readonly prefixed: readonly Sha256[];
}

/** Computes digests of streams. Implementations may use threads; the result is the same. */
export interface Hasher {
  /** Reads `body` once, to its end, in bounded memory. Rejects with the body's own error. */
  digest(body: AsyncIterable<Uint8Array>, prefixes: readonly Uint8Array[]): Promise<Pass>;
  /** Announces a stream of `size` bytes, so that threads can start early if it is large enough. */
  prepare(size: number): void;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** Parses a digest from a person or a program; undefined for any other text. */
export function parseSha256(text: string): Sha256 | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? (text as Sha256) : undefined;
}
