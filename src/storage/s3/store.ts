import { DeleteObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import type { Chunks } from '../../bytes/borrowed-chunks.ts';
import { assertWritableKey } from '../keys.ts';
import { S3_RESUME_LIMITS, type ResumeLimits } from './resuming-body.ts';
import { connectS3, type S3ClientOptions, type S3Connection } from './client.ts';
import { copyObject, S3_COPY_LIMITS, type CopyLimits } from './copy.ts';
import { s3Error, s3Failure, statusOf, type S3Context } from './errors.ts';
import { listObjects } from './list.ts';
import { etagFrom, quoted, versionFrom, type S3Bucket } from './bucket.ts';
import { readObject } from './read.ts';
import { replicationFrom } from './replication.ts';
import { putObject, uploadObject } from './upload.ts';
import type {
  CopySource,
  ETag,
  ListOptions,
  ObjectBody,
  ObjectInfo,
  ObjectStore,
  ReadOptions,
  UploadOptions,
  WholeWriteOptions,
  WriteCondition,
} from '../object-store.ts';

export interface S3StoreOptions extends S3ClientOptions {
  readonly bucket: string;
  /** The size from which copies are made in parts, and the part size. Default: S3's limits. */
  readonly copyLimits?: CopyLimits;
  /** How reads continue after their connection broke. Default: `S3_RESUME_LIMITS`. */
  readonly resumeLimits?: ResumeLimits;
}

/** Opens a bucket of S3, or of a compatible service, as an object store. Sends no request. */
export function openS3Store(options: S3StoreOptions): ObjectStore {
  return new S3Store(options);
}

class S3Store implements ObjectStore, S3Bucket {
  readonly url: string;
  readonly bucket: string;
  readonly resumeLimits: ResumeLimits;
  readonly #connection: S3Connection;
  /** The service and credentials. Stores with an equal `#reach` can copy from one another. */
  readonly #reach: string;
  readonly #copyLimits: CopyLimits;

  constructor(options: S3StoreOptions) {
    const { bucket, endpoint, region, credentials, copyLimits = S3_COPY_LIMITS } = options;
    const query = new URLSearchParams();
    if (endpoint !== undefined) query.set('endpoint', endpoint);
    if (region !== undefined) query.set('region', region);
    const parameters = [...query].map(([name, value]) => `${name}=${value}`).join('&');
    this.url = `s3://${bucket}${parameters === '' ? '' : `?${parameters}`}`;
    this.bucket = bucket;
    this.#connection = connectS3(options);
    this.#reach = JSON.stringify([endpoint, credentials]);
    this.#copyLimits = copyLimits;
    this.resumeLimits = options.resumeLimits ?? S3_RESUME_LIMITS;
  }

  get wire() {
    return this.#connection.wire;
  }

  get client() {
    return this.#connection.client;
  }

  serverTime(): number {
    return this.#connection.serverTime();
  }

  async stat(key: string): Promise<ObjectInfo | undefined> {
    const context = this.#context('stat', key);
    try {
      const response = await this.client.send(new HeadObjectCommand(this.#target(key)));
      return {
        key,
        etag: etagFrom(response.ETag, context),
        size: response.ContentLength ?? 0,
        lastModified: response.LastModified?.getTime() ?? 0,
        ...versionFrom(response.VersionId),
        ...replicationFrom(response.ReplicationStatus),
      };
    } catch (error) {
      // A response to HEAD has no body, so only its status is known.
      if (statusOf(error) === 404) return undefined;
      throw s3Error(error, context);
    }
  }

  read(key: string, options: ReadOptions = {}): Promise<ObjectBody> {
    return readObject(this, key, options);
  }

  list(prefix: string, options: ListOptions = {}): AsyncGenerator<ObjectInfo> {
    return listObjects(this, prefix, options.startAfter);
  }

  async write(key: string, body: Uint8Array, options: WholeWriteOptions = {}): Promise<ObjectInfo> {
    assertWritableKey('write', this.url, key);
    const context = this.#context('write', key);
    return this.#conditional(context, options.condition, () =>
      putObject(this, context, body, options),
    );
  }

  async upload(
    key: string,
    body: Readable | Chunks,
    options: UploadOptions = {},
  ): Promise<ObjectInfo> {
    assertWritableKey('upload', this.url, key);
    const context = this.#context('upload', key);
    return this.#conditional(context, options.condition, () =>
      uploadObject(this, context, body, options),
    );
  }

  async copy(source: CopySource, key: string, options: UploadOptions = {}): Promise<ObjectInfo> {
    assertWritableKey('copy', this.url, key);
    const context = this.#context('copy', key);
    const { store } = source;
    if (!(store instanceof S3Store) || store.#reach !== this.#reach) {
      const reason = `${store.url} is another service, or used with other credentials.`;
      throw s3Failure('unsupported', context, reason);
    }
    if (source.size === 0) {
      // A copy in parts cannot have an empty part.
      const { stream } = await store.read(source.key, { ifMatch: source.etag });
      stream.destroy();
      return this.write(key, new Uint8Array(0), options);
    }
    return this.#conditional(context, options.condition, () =>
      copyObject(this, context, source, store.bucket, options, this.#copyLimits),
    );
  }

  async remove(key: string, options: { readonly ifMatch?: ETag } = {}): Promise<void> {
    const context = this.#context('remove', key);
    const { ifMatch } = options;
    if (ifMatch !== undefined) {
      // Some servers ignore IfMatch below, so it is checked here too. Other servers do not need this check.
      const present = await this.stat(key);
      if (present === undefined) throw s3Failure('not_found', context, 'it does not exist.');
      if (present.etag !== ifMatch) {
        throw s3Failure('precondition_failed', context, 'it was changed by someone else.');
      }
    }
    try {
      await this.client.send(
        new DeleteObjectCommand({
          ...this.#target(key),
          ...(ifMatch === undefined ? {} : { IfMatch: quoted(ifMatch) }),
        }),
      );
    } catch (error) {
      const failure = s3Error(error, context);
      // For an absent object, S3 reports success and other servers 404.
      const gone = error instanceof Error && error.name === 'NoSuchKey';
      if (gone && ifMatch === undefined) return;
      throw failure;
    }
  }

  close(): Promise<void> {
    this.client.destroy();
    return Promise.resolve();
  }

  /** Maps a failed `ifMatch` on an absent object to `not_found`: S3 responds with 404, other servers with 412. */
  async #conditional<T>(
    context: S3Context,
    condition: WriteCondition | undefined,
    act: () => Promise<T>,
  ): Promise<T> {
    try {
      return await act();
    } catch (error) {
      const failure = s3Error(error, context);
      const asked = condition !== undefined && 'ifMatch' in condition;
      if (!asked || failure.code !== 'precondition_failed') throw failure;
      if ((await this.stat(context.key)) !== undefined) throw failure;
      throw s3Failure('not_found', context, 'it does not exist any more.', error);
    }
  }

  #target(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: key };
  }

  #context(operation: S3Context['operation'], key: string): S3Context {
    return { operation, url: this.url, key };
  }
}
