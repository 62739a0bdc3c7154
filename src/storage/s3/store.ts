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
  /** From which size on, and how, copies are made in parts. Default: S3's limits. */
  readonly copyLimits?: CopyLimits;
  /** How reads go on whose connection breaks off. Default: `S3_RESUME_LIMITS`. */
  readonly resumeLimits?: ResumeLimits;
}

/** A bucket of S3, or of a service that speaks its protocol, as an object store. Makes no request yet. */
export function openS3Store(options: S3StoreOptions): ObjectStore {
  return new S3Store(options);
}

class S3Store implements ObjectStore, S3Bucket {
  readonly url: string;
  readonly bucket: string;
  readonly resumeLimits: ResumeLimits;
  readonly #connection: S3Connection;
  /** Stores of one reach can copy from one another: the same service, asked with the same rights. */
  readonly #reach: string;
  readonly #copyLimits: CopyLimits;

  constructor(options: S3StoreOptions) {
    const { bucket, endpoint, region, credentials, copyLimits = S3_COPY_LIMITS } = options;
    const query = new URLSearchParams();
    if (endpoint !== undefined) query.set('endpoint', endpoint);
    if (region !== undefined) query.set('region', region);
    const place = [...query].map(([name, value]) => `${name}=${value}`).join('&');
    this.url = `s3://${bucket}${place === '' ? '' : `?${place}`}`;
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
      const answer = await this.client.send(new HeadObjectCommand(this.#target(key)));
      return {
        key,
        etag: etagFrom(answer.ETag, context),
        size: answer.ContentLength ?? 0,
        lastModified: answer.LastModified?.getTime() ?? 0,
        ...versionFrom(answer.VersionId),
        ...replicationFrom(answer.ReplicationStatus),
      };
    } catch (error) {
      // An answer to HEAD has no body: its status is all that it tells.
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
      // A copy in parts has no part for it.
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
      // Some servers take no notice of the condition below. To those that do, this look adds nothing.
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
      // Of an object that is gone already, S3 says nothing; others say 404.
      const gone = error instanceof Error && error.name === 'NoSuchKey';
      if (gone && ifMatch === undefined) return;
      throw failure;
    }
  }

  close(): Promise<void> {
    this.client.destroy();
    return Promise.resolve();
  }

  /** Servers disagree on a condition on an absent object: S3 says 404, others 412. Here it is `not_found`. */
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
