import type { Readable } from 'node:stream';

import type { Chunks } from '../bytes/borrowed-chunks.ts';

/** An ETag as its store gave it, without quotes. Opaque, and comparable only within one store. */
export type ETag = string & { readonly __brand: 'ETag' };

/** What a look at an object tells without reading it. */
export interface ObjectInfo {
  readonly key: string;
  readonly etag: ETag;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970, by the store's clock. */
  readonly lastModified: number;
  /** The S3 version id, where the store is versioned and the operation tells it (`stat`, writes; never `list`). */
  readonly versionId?: string;
  /**
   * What the service's own replication says of the object, where it has some and tells it (`stat` only):
   * `failed` when it gave up on bringing it to a destination.
   */
  readonly replication?: 'pending' | 'failed' | 'completed' | 'replica';
  /**
   * Directory stores only: somebody else's file that changed so recently that its writer may not be done;
   * the milliseconds it still has to rest before it counts as whole. Absent means settled.
   */
  readonly unsettledFor?: number;
}

/** A condition on a write: the object must be absent, or must still have this ETag. */
export type WriteCondition = { readonly ifAbsent: true } | { readonly ifMatch: ETag };

export interface WriteOptions {
  readonly condition?: WriteCondition;
  readonly contentType?: string;
  readonly cacheControl?: string;
  readonly contentEncoding?: 'gzip';
}

export interface WholeWriteOptions extends WriteOptions {
  /** The body's SHA-256 in hex, where the caller has just computed it: a store that needs it need not again. */
  readonly sha256?: string;
}

export interface UploadOptions extends WriteOptions {
  /** The body's bytes, where known: an S3 store chooses the size of its parts by it. */
  readonly size?: number;
  /** The most bytes that the body may have, where `size` is not known. With neither, a store takes 156 GiB. */
  readonly sizeLimit?: number;
  /** Called with the bytes stored so far. */
  readonly onProgress?: (bytes: number) => void;
  /** Aborting leaves nothing visible and no parts behind. */
  readonly signal?: AbortSignal;
}

export interface ReadOptions {
  /** Only these bytes are wanted: inclusive `start`, exclusive `end`; past the end of the object is cut. */
  readonly range?: { readonly start: number; readonly end: number };
  /** Read this state of the object or fail with `precondition_failed`, even when it changes in mid-read. */
  readonly ifMatch?: ETag;
  readonly signal?: AbortSignal;
}

export interface ListOptions {
  /** Keys up to and including this one are skipped. */
  readonly startAfter?: string;
  /**
   * Told the prefix, up to its `/`, of each folder below the listed one that may not be looked into: its keys
   * are left out.
   * Without it such a folder rejects the listing with `access_denied`.
   */
  readonly onDenied?: (prefix: string) => void;
}

/** The bytes of an open file, on loan: no one else reads them, and the file stays open until it is given back. */
export interface LentFile {
  readonly fd: number;
  /** The first byte of the body in the file. */
  readonly start: number;
  /** The first byte behind it. */
  readonly end: number;
  /** Aborted when the stream is destroyed: the bytes are not wanted any more, and the file waits to be given back. */
  readonly signal: AbortSignal;
  /**
   * Ends the loan and closes the file. Rejects with what the stream's error would be: when the stream was
   * destroyed, the file changed since it was opened, or `failure` tells of a read that failed.
   */
  giveBack(failure?: Error): Promise<void>;
}

/**
 * What a stream may offer besides: reads into the caller's memory (shared memory too), without a copy. A body
 * is read in this way or as a stream, never both.
 */
export interface DirectReads {
  /**
   * Puts the next bytes at the start of `buffer` and resolves to their number, 0 only at the body's end.
   * Rejects with what the stream's error would be. One call at a time; `destroy` when done or giving up.
   */
  readInto(buffer: Uint8Array): Promise<number>;
}

/**
 * What a stream of a local store offers besides: its file, for a reader on another thread, which else would be
 * handed every byte by this one. A body that is lent is not read in any other way.
 */
export interface FileReads {
  readonly span: { readonly start: number; readonly end: number };
  lend(): LentFile;
}

export interface ObjectBody {
  readonly info: ObjectInfo;
  /** A body that ends early or a connection that breaks is an error of the stream, never a short end. */
  readonly stream: Readable & Partial<DirectReads & FileReads>;
  readonly contentEncoding?: string;
}

/** Where a server-side copy reads from. */
export interface CopySource {
  readonly store: ObjectStore;
  readonly key: string;
  /** The copy is of this state of the source, or fails with `precondition_failed`. */
  readonly etag: ETag;
  readonly size: number;
}

/**
 * A place for objects: an S3 bucket or a directory. Keys are `/`-separated, without a leading slash.
 * Reads see the writes that ended before them; a write is atomic for each key, never over several.
 * Every method rejects with a StoreError. See `StoreErrorCode` for the meanings.
 */
export interface ObjectStore {
  /** The store's URL as the user would write it, without secrets. */
  readonly url: string;

  /** The object's present state, or undefined when there is none. The only method that returns absence. */
  stat(key: string): Promise<ObjectInfo | undefined>;

  /** Opens the object. `not_found` when absent, `precondition_failed` when `ifMatch` does not hold. */
  read(key: string, options?: ReadOptions): Promise<ObjectBody>;

  /**
   * All objects whose key starts with `prefix`, in ascending order of their keys' UTF-8 bytes, fetched page
   * by page. A listing that cannot be completed throws.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;

  /**
   * Stores a small object (under 64 MiB) whole, or not at all. With a condition that does not hold:
   * `precondition_failed`, or `conflict` when a rival was writing; with `ifMatch` on an absent object: `not_found`.
   * A lost answer that is retried may give a false `precondition_failed`: read again to know.
   */
  write(key: string, body: Uint8Array, options?: WholeWriteOptions): Promise<ObjectInfo>;

  /**
   * Stores a stream of any size in bounded memory. Nothing is visible before all of it is stored; when the
   * stream or the store fails, nothing is left behind. Conditions as for `write`. The store is done with each
   * chunk before it asks for the next, so the body may be borrowed.
   */
  upload(key: string, body: Readable | Chunks, options?: UploadOptions): Promise<ObjectInfo>;

  /**
   * Copies an object inside the store's own service, of any size. Rejects with `unsupported` when the
   * source is not within this store's reach; the caller then streams.
   */
  copy(source: CopySource, key: string, options?: UploadOptions): Promise<ObjectInfo>;

  /**
   * Removes the object. An absent one is no error, unless `ifMatch` is given: then `not_found`.
   * `precondition_failed` when it has another ETag.
   */
  remove(key: string, options?: { readonly ifMatch?: ETag }): Promise<void>;

  /** Frees connections, handles and locks. */
  close(): Promise<void>;
}
