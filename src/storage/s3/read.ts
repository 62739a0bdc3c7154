import { Readable } from 'node:stream';
import { isStoreError } from '../errors.ts';
import { resumingBody } from './resuming-body.ts';
import { s3Failure, statusOf, type S3Context } from './errors.ts';
import { changed, getObject, type S3Response } from './get.ts';
import type { S3Bucket } from './bucket.ts';
import type { ObjectBody, ReadOptions } from '../object-store.ts';

/**
 * `ObjectStore.read`. A body whose connection breaks off goes on from the byte reached, in the same state of
 * the object: where that is gone, with `precondition_failed`, whether or not the caller pinned it.
 */
export async function readObject(
  place: S3Bucket,
  key: string,
  options: ReadOptions,
): Promise<ObjectBody> {
  const { range, signal } = options;
  const context: S3Context = { operation: 'read', url: place.url, key };
  if (range !== undefined && range.end <= range.start) return empty(place, context, options);
  let answer: S3Response;
  try {
    answer = await getObject(place, context, options);
  } catch (error) {
    // S3 has no empty ranges: a range past the end is an error there, and so is any of an empty object.
    if (isBeyondEnd(error)) return empty(place, context, options);
    throw error;
  }
  const { info, body, length, contentEncoding } = answer;
  const start = range?.start ?? 0;
  const stream = resumingBody({
    first: body,
    length,
    reopen: (offset, gone) => {
      const rest = { start: start + offset, end: start + length };
      return reopen(place, context, { range: rest, ifMatch: info.etag, signal: gone });
    },
    limits: place.resumeLimits,
    context,
    signal,
  });
  return { info, stream, ...(contentEncoding === undefined ? {} : { contentEncoding }) };
}

async function reopen(
  place: S3Bucket,
  context: S3Context,
  options: ReadOptions,
): Promise<Readable> {
  try {
    const { body } = await getObject(place, context, options);
    return body;
  } catch (error) {
    // It was there a moment ago, and as long as that.
    const gone = isStoreError(error, 'not_found') || isBeyondEnd(error);
    throw gone ? changed(context, error) : error;
  }
}

function isBeyondEnd(error: unknown): boolean {
  return isStoreError(error) && statusOf(error.cause) === 416;
}

async function empty(
  place: S3Bucket,
  context: S3Context,
  { range, ifMatch }: ReadOptions,
): Promise<ObjectBody> {
  const info = await place.stat(context.key);
  if (info === undefined) throw s3Failure('not_found', context, 'it does not exist.');
  if (ifMatch !== undefined && info.etag !== ifMatch) throw changed(context);
  if (range !== undefined && range.start < range.end && range.start < info.size) {
    throw s3Failure('unavailable', context, 'it grew while it was read. Try again.');
  }
  return { info, stream: Readable.from([]) };
}
