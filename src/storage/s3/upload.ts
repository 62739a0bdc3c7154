import { PutObjectCommand } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { Readable } from 'node:stream';
import type { Chunks } from '../../bytes/borrowed-chunks.ts';
import { s3Error, s3Failure, type S3Context } from './errors.ts';
import { partClient } from './part-client.ts';
import { MAX_PARTS, PartSource } from './part-source.ts';
import {
  conditionHeaders,
  contentHeaders,
  wireHeaders,
  wireWritten,
  writtenInfo,
  type S3Bucket,
} from './bucket.ts';
import type { ObjectInfo, UploadOptions, WholeWriteOptions } from '../object-store.ts';
import { withSource } from '../upload-source.ts';

const MIB = 1024 * 1024;
/** S3's minimum part size, except for the last part. */
const LEAST_PART = 5 * MIB;
/** The part size of an upload of unknown size. It allows 156 GiB. */
const UNKNOWN_SIZE_PART = 16 * MIB;
/** The memory for parts that are being sent, in bytes. */
const IN_FLIGHT = 16 * MIB;

/** Returns the part size for an upload of at most `size` bytes: as small as 10,000 parts allow. */
export function partSizeFor(size: number | undefined): number {
  if (size === undefined) return UNKNOWN_SIZE_PART;
  return Math.max(LEAST_PART, Math.ceil(size / MAX_PARTS / MIB) * MIB);
}

/**
 * Returns how many parts are sent at once. It is at least two, so that one part is read while another is sent.
 * It is exactly two for an unknown size: a client sends such a body, and is rarely faster.
 */
function partsInFlight(partSize: number, size: number | undefined): number {
  return size === undefined ? 2 : Math.max(2, Math.floor(IN_FLIGHT / partSize));
}

/** Implements `ObjectStore.write`, except for the error codes of conditions. */
export async function putObject(
  s3: S3Bucket,
  context: S3Context,
  body: Uint8Array,
  options: WholeWriteOptions,
): Promise<ObjectInfo> {
  const { sha256, condition } = options;
  const { key } = context;
  const params = { ...conditionHeaders(condition), ...contentHeaders(options) };
  const headers = wireHeaders(params);
  const order = { operation: 'PutObject', key, headers, body, sha256 } as const;
  const sent = await s3.wire.send(order);
  const response = sent
    ? wireWritten(sent)
    : await s3.client.send(
        new PutObjectCommand({ Bucket: s3.bucket, Key: key, Body: body, ...params }),
      );
  return writtenInfo(s3, context, response, body.length);
}

/** Implements `ObjectStore.upload`, except for the error codes of conditions. */
export async function uploadObject(
  s3: S3Bucket,
  context: S3Context,
  body: Readable | Chunks,
  options: UploadOptions,
): Promise<ObjectInfo> {
  const { onProgress, condition } = options;
  /** Aborted when a request fails. It ends the source, even a stalled one, and its reason is the upload's error. */
  const failed = new AbortController();
  const asked = options.signal;
  const signal = asked ? AbortSignal.any([asked, failed.signal]) : failed.signal;
  const reason = () =>
    asked?.aborted === true
      ? s3Failure('unavailable', context, 'it was cancelled.', asked.reason)
      : s3Error(failed.signal.reason, context);
  return withSource(body, signal, reason, async (chunks) => {
    const partSize = partSizeFor(options.size ?? options.sizeLimit);
    const source = new PartSource(chunks, context);
    const upload = new Upload({
      client: partClient(s3, (error) => failed.abort(error)),
      params: {
        Bucket: s3.bucket,
        Key: context.key,
        // Read one chunk ahead. The default is sixteen.
        Body: Readable.from(source.pieces(partSize), { highWaterMark: 1 }),
        ...conditionHeaders(condition),
        ...contentHeaders(options),
      },
      partSize,
      queueSize: partsInFlight(partSize, options.size),
      leavePartsOnError: false,
    });
    if (onProgress) upload.on('httpUploadProgress', ({ loaded }) => onProgress(loaded ?? 0));
    try {
      return writtenInfo(s3, context, await upload.done(), source.bytes);
    } catch (error) {
      throw signal.aborted ? reason() : s3Error(error, context);
    } finally {
      source.close();
    }
  });
}
