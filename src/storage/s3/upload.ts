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
/** S3 takes no smaller ones. */
const LEAST_PART = 5 * MIB;
/** Of an upload of which nothing is known, so that it may become 156 GiB. */
const BLIND_PART = 16 * MIB;
/** What the parts in flight may hold in memory. */
const IN_FLIGHT = 16 * MIB;

/** The bytes of each part of an upload of `size` bytes or less: small, but never more than 10,000 parts. */
export function partSizeFor(size: number | undefined): number {
  if (size === undefined) return BLIND_PART;
  return Math.max(LEAST_PART, Math.ceil(size / MAX_PARTS / MIB) * MIB);
}

/**
 * How many parts are sent at once. Two at the least, so that one is read while another is sent, and no more
 * where the size is not known: such a body comes from a client, which is seldom faster than that.
 */
function partsInFlight(partSize: number, size: number | undefined): number {
  return size === undefined ? 2 : Math.max(2, Math.floor(IN_FLIGHT / partSize));
}

/** `ObjectStore.write`, but for the meaning of conditions. */
export async function putObject(
  place: S3Bucket,
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
  place: S3Bucket,
  context: S3Context,
  body: Readable | Chunks,
  options: UploadOptions,
): Promise<ObjectInfo> {
  const { onProgress, condition } = options;
  /** Aborted when a request fails, whose error then is the upload's: the source, be it silent, ends by it. */
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
      client: partClient(place, (error) => failed.abort(error)),
      params: {
        Bucket: place.bucket,
        Key: context.key,
        // One chunk ahead, not the sixteen that are usual.
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
      return writtenInfo(place, context, await upload.done(), source.bytes);
    } catch (error) {
      throw signal.aborted ? reason() : s3Error(error, context);
    } finally {
      source.close();
    }
  });
}
