import { Readable } from 'node:stream';
import { isStoreError } from '../errors.ts';
import { resumingBody } from './resuming-body.ts';
import { s3Failure, statusOf, type S3Context } from './errors.ts';
import { changed, getObject, type S3Response } from './get.ts';
import type { S3Bucket } from './bucket.ts';
import type { ObjectBody, ReadOptions } from '../object-store.ts';

/**
 * Implements `ObjectStore.read`. If the connection breaks, the body continues from the byte reached, in the same
 * state of the object. If that state does not exist any more, the body fails with `precondition_failed`, with
 * or without `ifMatch`.
 */
export async function readObject(
  s3: S3Bucket,
  key: string,
  options: ReadOptions,
): Promise<ObjectBody> {
  const { range, signal } = options;
  const context: S3Context = { operation: 'read', url: s3.url, key };
  if (range !== undefined && range.end <= range.start) return empty(s3, context, options);
  let response: S3Response;
  try {
    response = await getObject(s3, context, options);
  } catch (error) {
    // S3 has no empty ranges. A range past the end is an error, and so is every range of an empty object.
    if (isBeyondEnd(error)) return empty(s3, context, options);
    throw error;
  }
  const { info, body, length, contentEncoding } = response;
  const start = range?.start ?? 0;
  const stream = resumingBody({
    first: body,
    length,
    reopen: (offset, gone) => {
      const rest = { start: start + offset, end: start + length };
      return reopen(s3, context, { range: rest, ifMatch: info.etag, signal: gone });
    },
    limits: s3.resumeLimits,
    context,
    signal,
  });
  return { info, stream, ...(contentEncoding === undefined ? {} : { contentEncoding }) };
}

async function reopen(s3: S3Bucket, context: S3Context, options: ReadOptions): Promise<Readable> {
  try {
    const { body } = await getObject(s3, context, options);
    return body;
  } catch (error) {
    // The first response had this object with this length, so it was changed or deleted since.
    const gone = isStoreError(error, 'not_found') || isBeyondEnd(error);
    throw gone ? changed(context, error) : error;
  }
}

function isBeyondEnd(error: unknown): boolean {
  return isStoreError(error) && statusOf(error.cause) === 416;
}

async function empty(
  s3: S3Bucket,
  context: S3Context,
  { range, ifMatch }: ReadOptions,
): Promise<ObjectBody> {
  const info = await s3.stat(context.key);
  if (info === undefined) throw s3Failure('not_found', context, 'it does not exist.');
  if (ifMatch !== undefined && info.etag !== ifMatch) throw changed(context);
  if (range !== undefined && range.start < range.end && range.start < info.size) {
    throw s3Failure('unavailable', context, 'it grew while it was read. Try again.');
  }
  return { info, stream: Readable.from([]) };
}
