import { Upload } from '@aws-sdk/lib-storage';
import { Readable } from 'node:stream';
import { s3Error, s3Failure, type S3Context } from './s3-errors.ts';
import { conditionHeaders, contentHeaders, writtenInfo, type S3Place } from './s3-place.ts';
import type { ObjectInfo, UploadOptions } from './object-store.ts';
import { withSource } from './upload-source.ts';

const MIB = 1024 * 1024;
/** S3's limit for one upload. */
const MAX_PARTS = 10_000;
const PART_SIZE = 16 * MIB;
/** What the parts in flight may hold in memory, unless one part alone is larger. */
const IN_FLIGHT = 48 * MIB;

/** The bytes of each part of an upload of `size` bytes: small, but never more than 10,000 parts. */
export function partSizeFor(size: number | undefined): number {
  return Math.max(PART_SIZE, Math.ceil((size ?? 0) / MAX_PARTS / MIB) * MIB);
}

/** `ObjectStore.upload`, but for the meaning of conditions. */
export async function uploadObject(
  place: S3Place,
  context: S3Context,
  body: Readable | AsyncIterable<Uint8Array>,
  options: UploadOptions,
): Promise<ObjectInfo> {
  const { signal, onProgress, condition } = options;
  const cancelled = () => s3Failure('unavailable', context, 'it was cancelled.', signal?.reason);
  return withSource(body, signal, cancelled, async (chunks) => {
    const partSize = partSizeFor(options.size);
    const counted = new CountedBody(chunks, partSize, context);
    const upload = new Upload({
      client: place.client,
      params: {
        Bucket: place.bucket,
        Key: context.key,
        Body: Readable.from(counted.chunks()),
        ...conditionHeaders(condition),
        ...contentHeaders(options),
      },
      partSize,
      queueSize: Math.max(1, Math.floor(IN_FLIGHT / partSize)),
      leavePartsOnError: false,
    });
    if (onProgress !== undefined) {
      upload.on('httpUploadProgress', ({ loaded }) => onProgress(loaded ?? 0));
    }
    try {
      // Upload's own abort answers before the parts are gone; an error of the body does not.
      return writtenInfo(place, context, await upload.done(), counted.bytes);
    } catch (error) {
      throw counted.error ?? s3Error(error, context);
    }
  });
}

/** Passes an upload's chunks on, counts their bytes, and keeps the error that they end with. */
class CountedBody {
  bytes = 0;
  /** Set when the body, not the store, failed. */
  error: Error | undefined;
  readonly #source: AsyncIterable<unknown>;
  readonly #partSize: number;
  readonly #context: S3Context;

  constructor(source: AsyncIterable<unknown>, partSize: number, context: S3Context) {
    this.#source = source;
    this.#partSize = partSize;
    this.#context = context;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of this.#source) yield this.#counted(chunk);
    } catch (error) {
      this.error =
        error instanceof Error && error.name === 'StoreError'
          ? error
          : s3Failure(
              'unavailable',
              this.#context,
              `the data to store broke off: ${error instanceof Error ? error.message : String(error)}.`,
              error,
            );
      throw this.error;
    }
  }

  #counted(chunk: unknown): Buffer {
    if (!(chunk instanceof Uint8Array)) {
      throw s3Failure('unsupported', this.#context, 'the body is not made of bytes.');
    }
    this.bytes += chunk.length;
    if (this.bytes > this.#partSize * MAX_PARTS) {
      const reason = `it is larger than ${MAX_PARTS} parts of ${this.#partSize} bytes. Tell its size beforehand.`;
      throw s3Failure('unsupported', this.#context, reason);
    }
    // Parts are gathered from several, and a chunk holds until the next is asked for.
    return Buffer.from(chunk);
  }
}
