import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import { s3Error, s3Failure, type S3Context } from './s3-errors.ts';
import { beginUpload } from './s3-multipart.ts';
import { PartSource } from './s3-parts.ts';
import {
  conditionHeaders,
  contentHeaders,
  wireHeaders,
  wireWritten,
  writtenInfo,
  type S3Place,
} from './s3-place.ts';
import type { ObjectInfo, UploadOptions, WholeWriteOptions } from './object-store.ts';
import { withSource } from './upload-source.ts';

const MIB = 1024 * 1024;
/** S3's limit for one upload. */
const MAX_PARTS = 10_000;
/** Of an upload whose size is known. */
const LEAST_PART = 8 * MIB;
/** Of one whose size is not known, so that it may become 156 GiB. */
const BLIND_PART = 16 * MIB;
/** What the parts of one upload may hold in memory, unless two alone hold more. */
const IN_MEMORY = 24 * MIB;

/** The bytes of each part of an upload of `size` bytes: small, but never more than 10,000 parts. */
export function partSizeFor(size: number | undefined): number {
  if (size === undefined) return BLIND_PART;
  return Math.max(LEAST_PART, Math.ceil(size / MAX_PARTS / MIB) * MIB);
}

/** `ObjectStore.write`, but for the meaning of conditions. */
export async function putObject(
  place: S3Place,
  context: S3Context,
  body: Uint8Array,
  options: WholeWriteOptions,
): Promise<ObjectInfo> {
  const { sha256, condition } = options;
  const { key } = context;
  const params = { ...conditionHeaders(condition), ...contentHeaders(options) };
  const headers = wireHeaders(params);
  const order = { operation: 'PutObject', key, headers, body, sha256 } as const;
  const sent = await place.wire.send(order);
  const answer = sent
    ? wireWritten(sent)
    : await place.client.send(
        new PutObjectCommand({ Bucket: place.bucket, Key: key, Body: body, ...params }),
      );
  return writtenInfo(place, context, answer, body.length);
}

/** `ObjectStore.upload`, but for the meaning of conditions. */
export async function uploadObject(
  place: S3Place,
  context: S3Context,
  body: Readable | AsyncIterable<Uint8Array>,
  options: UploadOptions,
): Promise<ObjectInfo> {
  /** Aborted when a request fails, whose error then is the upload's: the source is told to end by it. */
  const failed = new AbortController();
  const asked = options.signal;
  const signal = AbortSignal.any(asked ? [asked, failed.signal] : [failed.signal]);
  const reason = () =>
    asked?.aborted === true
      ? s3Failure('unavailable', context, 'it was cancelled.', asked.reason)
      : s3Error(failed.signal.reason, context);
  return withSource(body, signal, reason, async (chunks) => {
    const source = new PartSource(chunks, context);
    const fail = (error: unknown) => failed.abort(error);
    try {
      return await new Uploading(place, context, source, { ...options, signal }, fail).run();
    } catch (error) {
      throw signal.aborted ? reason() : error;
    } finally {
      source.close();
    }
  });
}

class Uploading {
  readonly #place: S3Place;
  readonly #context: S3Context;
  readonly #source: PartSource;
  readonly #options: UploadOptions & { readonly signal: AbortSignal };
  readonly #onFailure: (error: unknown) => void;
  readonly #partSize: number;
  readonly #memory: Uint8Array<ArrayBuffer>[] = [];
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  constructor(
    place: S3Place,
    context: S3Context,
    source: PartSource,
    options: UploadOptions & { readonly signal: AbortSignal },
    onFailure: (error: unknown) => void,
  ) {
    this.#place = place;
    this.#context = context;
    this.#source = source;
    this.#options = options;
    this.#onFailure = onFailure;
    this.#partSize = partSizeFor(options.size);
  }

  async run(): Promise<ObjectInfo> {
    const info = await this.#store();
    // At once, not when the garbage collector comes by. After an error something may still read it.
    for (const { buffer } of this.#memory) buffer.transfer(0);
    return info;
  }

  async #store(): Promise<ObjectInfo> {
    const { size = 0, onProgress } = this.#options;
    const first = await this.#next();
    // Whether a first part that is full is the last one, too, only the second tells.
    const certain = size > this.#partSize || first.byteLength < this.#partSize;
    const second = certain ? undefined : await this.#next();
    const isWhole = second?.byteLength === 0 || first.byteLength < this.#partSize;
    if (!isWhole) return this.#storeParts(second ? [first, second] : [first]);
    const info = await putObject(this.#place, this.#context, first, this.#options);
    if (first.byteLength > 0) onProgress?.(first.byteLength);
    return info;
  }

  async #storeParts(read: readonly Uint8Array<ArrayBuffer>[]): Promise<ObjectInfo> {
    const upload = await beginUpload(this.#place, this.#context, {
      ...this.#options,
      onFailure: this.#onFailure,
    });
    try {
      this.#options.signal.throwIfAborted();
      const send = (part: Uint8Array<ArrayBuffer>) =>
        upload.send(part, () => void this.#free.push(part));
      let last = read.at(-1);
      for (const part of read) send(part);
      while (last?.byteLength === this.#partSize) {
        while (!this.#hasRoom()) await upload.progress();
        last = await this.#next();
        if (last.byteLength > 0) send(last);
      }
      await upload.settled();
      this.#options.signal.throwIfAborted();
      return await upload.complete();
    } catch (error) {
      this.#onFailure(error);
      await upload.abandon();
      throw error;
    }
  }

  #hasRoom(): boolean {
    this.#options.signal.throwIfAborted();
    const most = Math.max(2, Math.floor(IN_MEMORY / this.#partSize));
    return this.#free.length > 0 || this.#memory.length < most;
  }

  /** The next part: shorter than the others, or of no bytes, at the end. */
  async #next(): Promise<Uint8Array<ArrayBuffer>> {
    let part = this.#free.pop();
    if (part === undefined) {
      part = new Uint8Array(Buffer.allocUnsafeSlow(this.#partSize).buffer);
      this.#memory.push(part);
    }
    const length = await this.#source.fill(part);
    this.#options.signal.throwIfAborted();
    if (this.#source.bytes <= this.#partSize * MAX_PARTS) return part.subarray(0, length);
    const reason = `it is larger than ${MAX_PARTS} parts of ${this.#partSize} bytes. Tell its size beforehand.`;
    throw s3Failure('unsupported', this.#context, reason);
  }
}
