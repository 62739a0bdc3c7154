import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import type { ObjectInfo, UploadOptions } from './object-store.ts';
import { s3Error, s3Failure, type S3Context } from './s3-errors.ts';
import {
  conditionHeaders,
  contentHeaders,
  wireWritten,
  writtenInfo,
  type S3Place,
} from './s3-place.ts';

export interface MultipartOptions extends Pick<
  UploadOptions,
  'condition' | 'contentType' | 'cacheControl' | 'contentEncoding' | 'onProgress'
> {
  /** Called with the error of a part as soon as there is one. */
  readonly onFailure: (error: Error) => void;
}

/** Begins an upload in parts. It ends with `complete` or `abandon`. */
export async function beginUpload(
  place: S3Place,
  context: S3Context,
  options: MultipartOptions,
): Promise<MultipartUpload> {
  const target = { Bucket: place.bucket, Key: context.key };
  const { UploadId } = await place.client.send(
    new CreateMultipartUploadCommand({ ...target, ...contentHeaders(options) }),
  );
  if (UploadId !== undefined) return new MultipartUpload(place, context, UploadId, options);
  throw s3Failure('unavailable', context, 'the server began no upload.');
}

export class MultipartUpload {
  readonly #place: S3Place;
  readonly #context: S3Context;
  readonly #options: MultipartOptions;
  readonly #target: { readonly Bucket: string; readonly Key: string; readonly UploadId: string };
  readonly #parts: CompletedPart[] = [];
  readonly #sending = new Set<Promise<void>>();
  #started = 0;
  #stored = 0;

  constructor(place: S3Place, context: S3Context, UploadId: string, options: MultipartOptions) {
    this.#place = place;
    this.#context = context;
    this.#options = options;
    this.#target = { Bucket: place.bucket, Key: context.key, UploadId };
  }

  /** Sends the next part. Calls `onStored` when its bytes are needed no longer. */
  send(body: Uint8Array, onStored: () => void): void {
    const PartNumber = ++this.#started;
    const sending = this.#part(PartNumber, body)
      .then((ETag) => {
        this.#parts[PartNumber - 1] = { PartNumber, ...(ETag === undefined ? {} : { ETag }) };
        this.#stored += body.byteLength;
        onStored();
        this.#options.onProgress?.(this.#stored);
      })
      .catch((error: unknown) => this.#options.onFailure(s3Error(error, this.#context)))
      .finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  /** Resolves when one more of the parts is stored, or has failed. */
  async progress(): Promise<void> {
    await Promise.race(this.#sending);
  }

  /** Resolves when all parts are stored, or have failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#sending);
  }

  /** Puts the parts together, all of which must be stored. */
  async complete(): Promise<ObjectInfo> {
    const answer = await this.#place.client.send(
      new CompleteMultipartUploadCommand({
        ...this.#target,
        MultipartUpload: { Parts: this.#parts },
        ...conditionHeaders(this.#options.condition),
      }),
    );
    return writtenInfo(this.#place, this.#context, answer, this.#stored);
  }

  /** Removes the parts. One that came after that would stay, so they end first. */
  async abandon(): Promise<void> {
    await this.settled();
    // What made the upload fail is what matters; parts that stay are the lifecycle rule's.
    await this.#place.client
      .send(new AbortMultipartUploadCommand(this.#target))
      .catch(() => undefined);
  }

  async #part(PartNumber: number, body: Uint8Array): Promise<string | undefined> {
    const { Key, UploadId } = this.#target;
    const sent = await this.#place.wire.send({
      operation: 'UploadPart',
      key: Key,
      query: { partNumber: String(PartNumber), uploadId: UploadId },
      headers: {},
      body,
    });
    if (sent) return wireWritten(sent).ETag;
    const answer = await this.#place.client.send(
      new UploadPartCommand({ ...this.#target, PartNumber, Body: body }),
    );
    return answer.ETag;
  }
}
