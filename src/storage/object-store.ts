import type { Readable } from 'node:stream';

import type { Chunks } from '../bytes/borrowed-chunks.ts';

/** An ETag as the store returned it, without quotes. It is opaque and comparable only within one store. */
export type ETag = string & { readonly __brand: 'ETag' };

/** The metadata of an object. */
export interface ObjectInfo {
  readonly key: string;
  readonly etag: ETag;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970, by the store's clock. */
  readonly lastModified: number;
  /** The S3 version id, if the store is versioned and the operation returns it (`stat` and writes; never `list`). */
  readonly versionId?: string;
  /**
   * The object's status in the service's own replication, if it has one and returns it (`stat` only). `failed`
   * means that the service gave up copying the object to a destination.
   */
  readonly replication?: 'pending' | 'failed' | 'completed' | 'replica';
  /**
   * Directory stores only. Another program changed this file so recently that it may still be writing. The value
   * is the milliseconds for which the file must still stay unchanged to count as complete. Absent means settled.
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
  /** The body's SHA-256 in hex, if the caller has it. It saves a store from computing it again. */
  readonly sha256?: string;
}

export interface UploadOptions extends WriteOptions {
  /** The length of the body in bytes, if known. An S3 store derives its part size from it. */
  readonly size?: number;
  /** The greatest possible length of the body, if `size` is not known. Without both, a store accepts 156 GiB. */
  readonly sizeLimit?: number;
  /** Called with the number of bytes stored so far. */
  readonly onProgress?: (bytes: number) => void;
  /** After an abort, no object is visible and no uploaded parts remain. */
  readonly signal?: AbortSignal;
}

export interface ReadOptions {
  /** The bytes to read: inclusive `start`, exclusive `end`. The range is cut at the end of the object. */
  readonly range?: { readonly start: number; readonly end: number };
  /**
   * Reads exactly this state of the object. Fails with `precondition_failed` if it differs or changes during the
   * read.
   */
  readonly ifMatch?: ETag;
  readonly signal?: AbortSignal;
}

export interface ListOptions {
  /** Keys up to and including this one are skipped. */
  readonly startAfter?: string;
  /**
   * Called with the prefix, including its `/`, of each folder below the listed one that this process may not
   * read. The listing leaves out its keys. Without this callback, the listing fails with `access_denied`.
   */
  readonly onDenied?: (prefix: string) => void;
}

/** An open file on loan. Only the borrower reads it, and it stays open until it is given back. */
export interface LentFile {
  readonly fd: number;
  /** The first byte of the body in the file. */
  readonly start: number;
  /** The position after the last byte of the body. */
  readonly end: number;
  /** Aborted when the stream is destroyed. The borrower should then stop reading and give the file back. */
  readonly signal: AbortSignal;
  /**
   * Ends the loan and closes the file. Rejects with the error that the stream would have: if the stream was
   * destroyed, if the file changed since it was opened, or if `failure` is given for a failed read.
   */
  giveBack(failure?: Error): Promise<void>;
}

/**
 * An optional feature of a body's stream: it reads into the caller's memory without a copy. Shared memory works
 * too. A caller reads a body in this way or as a stream, never both.
 */
export interface DirectReads {
  /**
   * Puts the next bytes at the start of `buffer` and resolves to their number; 0 only at the body's end.
   * Rejects with the error that the stream would have. One call at a time. The caller destroys the stream at
   * the end or when it stops early.
   */
  readInto(buffer: Uint8Array): Promise<number>;
}

/**
 * An optional feature of a body's stream in a local store: it lends its file to a reader on another thread.
 * Without it, this thread would have to hand over every byte. A lent body is not read in any other way.
 */
export interface FileReads {
  readonly span: { readonly start: number; readonly end: number };
  lend(): LentFile;
}

export interface ObjectBody {
  readonly info: ObjectInfo;
  /** If the body ends early or the connection breaks, the stream fails. It never ends short. */
  readonly stream: Readable & Partial<DirectReads & FileReads>;
  readonly contentEncoding?: string;
}

/** The source of a copy inside the service. */
export interface CopySource {
  readonly store: ObjectStore;
  readonly key: string;
  /** The state to copy. The copy fails with `precondition_failed` if the source has another ETag. */
  readonly etag: ETag;
  readonly size: number;
}

/**
 * An S3 bucket or a directory as a store of objects. Keys are separated by `/`, without a leading slash.
 * A read sees every write that ended before it. A write is atomic for one key, not across keys.
 * Every method rejects with a StoreError; see `StoreErrorCode`.
 */
export interface ObjectStore {
  /** The store's URL as a user would write it. It contains no secrets. */
  readonly url: string;

  /** Returns the object's present state. Only this method returns undefined for an absent object. */
  stat(key: string): Promise<ObjectInfo | undefined>;

  /**
   * Opens the object. Rejects with `not_found` if it does not exist, with `precondition_failed` if `ifMatch`
   * differs.
   */
  read(key: string, options?: ReadOptions): Promise<ObjectBody>;

  /**
   * Lists all objects whose key starts with `prefix`, in ascending order of their keys' UTF-8 bytes. Fetches
   * page by page. Throws if the listing cannot be completed.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;

  /**
   * Stores a small object (under 64 MiB) completely or not at all. If the condition does not hold, rejects with:
   *
   * - `precondition_failed` in general; `conflict` if another writer was active at the same moment
   * - `not_found` for `ifMatch` on an absent object
   *
   * A retry after a lost response may give a false `precondition_failed`: read the object again to be sure.
   */
  write(key: string, body: Uint8Array, options?: WholeWriteOptions): Promise<ObjectInfo>;

  /**
   * Stores a stream of any size in bounded memory. The object is visible only when it is complete. If the stream
   * or the store fails, nothing remains. Conditions work as in `write`. The store does not use a chunk after
   * it asks for the next one, so the body may be borrowed.
   */
  upload(key: string, body: Readable | Chunks, options?: UploadOptions): Promise<ObjectInfo>;

  /**
   * Copies an object of any size inside the store's own service. Rejects with `unsupported` if this store
   * cannot read the source; the caller then streams the bytes.
   */
  copy(source: CopySource, key: string, options?: UploadOptions): Promise<ObjectInfo>;

  /**
   * Deletes the object. An absent object is no error without `ifMatch`, and `not_found` with it. Another ETag
   * is `precondition_failed`.
   */
  remove(key: string, options?: { readonly ifMatch?: ETag }): Promise<void>;

  /** Releases connections, handles and locks. */
  close(): Promise<void>;
}
