import type { BigIntStats } from 'node:fs';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { Chunks } from '../../bytes/borrowed-chunks.ts';
import { clone } from './clone.ts';
import { directoryError, failure, type DirectoryContext } from './errors.ts';
import { fill } from './fill.ts';
import { etagOf, infoOf, restOf, unchanged } from './info.ts';
import { readableKey, writableKey } from './keys.ts';
import { DENIED, listFiles, type OnSkipped } from './list.ts';
import { directoryLock, type DirectoryLock } from './lock.ts';
import { openObject, prepareRoot, type OpenFile } from './open.ts';
import { putFile, removeFile, type PutOrder } from './put.ts';
import { cancelled, fileStream, inOneMemory } from './read.ts';
import type {
  CopySource,
  ETag,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  ReadOptions,
  UploadOptions,
  WriteOptions,
} from '../object-store.ts';
import { withSource } from '../upload-source.ts';

export type { OnSkipped } from './list.ts';

export interface DirectoryStoreOptions {
  /** The store's folder. It is made if it is missing; its parent must exist. */
  readonly path: string;
  /** `read` also opens a folder without write permission; writes then fail with `access_denied`. Default: `write`. */
  readonly use?: 'read' | 'write';
  /** How long another program's file must stay unchanged before it counts as complete. Default: 1000. */
  readonly settleMs?: number;
  /** How long a write waits for writes of other processes before it fails with `unavailable`. Default: 30,000. */
  readonly lockWaitMs?: number;
  /** Called for symbolic links and special files that `stat`, `read` and `list` skip. */
  readonly onSkipped?: OnSkipped;
}

/**
 * Opens a directory of a local file system as an object store.
 *
 * - Names that start with a dot are not objects. Symbolic links are not followed.
 * - Content types and cache control are not stored. Gzipped bodies are stored decoded.
 * - Other programs may read and write the directory at any time (see `unsettledFor`).
 */
export async function openDirectoryStore(options: DirectoryStoreOptions): Promise<ObjectStore> {
  const { path, use = 'write', settleMs = 1000, lockWaitMs = 30_000 } = options;
  const root = await prepareRoot(path, use, { operation: 'open', url: `file:${path}` });
  const lock = directoryLock(root, lockWaitMs);
  return new DirectoryStore(root, lock, settleMs, options.onSkipped ?? (() => undefined));
}

class DirectoryStore implements ObjectStore {
  readonly url: string;
  readonly #root: string;
  readonly #lock: DirectoryLock;
  readonly #settleMs: number;
  readonly #onSkipped: OnSkipped;

  constructor(root: string, lock: DirectoryLock, settleMs: number, onSkipped: OnSkipped) {
    this.url = pathToFileURL(root).href;
    this.#root = root;
    this.#lock = lock;
    this.#settleMs = settleMs;
    this.#onSkipped = onSkipped;
  }

  async stat(key: string): Promise<ObjectInfo | undefined> {
    const opened = await this.#open(key, this.#context('stat', key));
    if (opened === undefined) return undefined;
    await opened.handle.close();
    return this.#info(key, opened.stats);
  }

  async read(key: string, options: ReadOptions = {}): Promise<ObjectBody> {
    const context = this.#context('read', key);
    const { handle, stats } = await this.#openPinned(key, context, options.ifMatch);
    return { info: this.#info(key, stats), stream: fileStream(handle, stats, context, options) };
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    const onSkipped = this.#onSkipped;
    const onDenied = (key: string, error: unknown) => {
      // Without permission for the listed folder itself, there is nothing left to list.
      if (options.onDenied === undefined || prefix.startsWith(key)) {
        throw directoryError(error, this.#context('list', key));
      }
      onSkipped(key, DENIED);
      options.onDenied(key);
    };
    try {
      const { startAfter = '' } = options;
      const files = listFiles(this.#root, { prefix, startAfter, onSkipped, onDenied });
      for await (const { key, stats } of files) yield this.#info(key, stats);
    } catch (error) {
      throw directoryError(error, this.#context('list', prefix));
    }
  }

  async write(key: string, body: Uint8Array, options: WriteOptions = {}): Promise<ObjectInfo> {
    const order = this.#order('write', key, options);
    const { contentEncoding } = options;
    return putFile(order, ({ handle }) =>
      fill(handle, Readable.from([body]), order.context, { contentEncoding }),
    );
  }

  async upload(
    key: string,
    body: Readable | Chunks,
    options: UploadOptions = {},
  ): Promise<ObjectInfo> {
    const { signal } = options;
    const context = this.#context('upload', key);
    return withSource(
      body,
      signal,
      () => cancelled(context, signal),
      (chunks) =>
        putFile(this.#order('upload', key, options), ({ handle }) =>
          fill(handle, chunks, context, options),
        ),
    );
  }

  async copy(source: CopySource, key: string, options: UploadOptions = {}): Promise<ObjectInfo> {
    const order = this.#order('copy', key, options);
    const { context } = order;
    if (!(source.store instanceof DirectoryStore)) {
      throw failure('unsupported', context, `${source.store.url} is not a directory store.`);
    }
    const from = source.store.#context('copy', source.key);
    const { handle, stats } = await source.store.#openPinned(source.key, from, source.etag);
    try {
      return await putFile(order, async (temporary) => {
        // `contentEncoding` is not passed on: the source's file is already decoded.
        const { onProgress, signal } = options;
        const read = { ifMatch: source.etag, signal };
        if (!(await clone(handle, temporary))) {
          const stream = fileStream(handle, stats, from, read);
          await fill(temporary.handle, inOneMemory(stream), context, { onProgress });
        } else if (unchanged(stats, await handle.stat({ bigint: true }))) {
          onProgress?.(source.size);
        } else {
          throw failure('precondition_failed', from, 'it changed while it was copied.');
        }
      });
    } finally {
      await handle.close();
    }
  }

  async remove(key: string, options: { readonly ifMatch?: ETag } = {}): Promise<void> {
    await removeFile(this.#order('remove', key, {}), options.ifMatch);
  }

  async close(): Promise<void> {
    await this.#lock.close();
  }

  #context<O extends DirectoryContext['operation']>(operation: O, key: string) {
    return { operation, url: this.url, key };
  }

  #order(
    operation: 'write' | 'upload' | 'copy' | 'remove',
    key: string,
    { condition, signal }: UploadOptions,
  ): PutOrder {
    const at = writableKey(operation, this.url, key);
    const context = this.#context(operation, key);
    return { root: this.#root, lock: this.#lock, context, at, condition, signal };
  }

  #info(key: string, stats: BigIntStats): ObjectInfo {
    const rest = restOf(stats, Date.now(), this.#settleMs);
    const ours = rest > 0 && this.#lock.placed(key, etagOf(stats));
    return infoOf(key, stats, ours ? 0 : rest);
  }

  async #open(key: string, context: DirectoryContext): Promise<OpenFile | undefined> {
    const at = readableKey(context.operation, this.url, key);
    return at && openObject(this.#root, at, context, this.#onSkipped);
  }

  async #openPinned(key: string, context: DirectoryContext, etag?: ETag): Promise<OpenFile> {
    const opened = await this.#open(key, context);
    if (opened === undefined) throw failure('not_found', context, 'it does not exist.');
    if (etag === undefined || etagOf(opened.stats) === etag) return opened;
    await opened.handle.close();
    throw failure('precondition_failed', context, 'it was changed by someone else meanwhile.');
  }
}
