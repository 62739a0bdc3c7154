import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { bodyStream } from './s3-body.ts';
import { s3Error, s3Failure, statusOf, type S3Context } from './s3-errors.ts';
import { etagFrom, quoted, versionFrom, type S3Place } from './s3-place.ts';
import type { ObjectBody, ObjectInfo, ReadOptions } from './object-store.ts';

/** `ObjectStore.read`. */
export async function readObject(
  place: S3Place,
  key: string,
  options: ReadOptions,
): Promise<ObjectBody> {
  const { range, ifMatch, signal } = options;
  const context: S3Context = { operation: 'read', url: place.url, key };
  if (range !== undefined && range.end <= range.start) return empty(place, context, options);
  let answer: GetObjectCommandOutput;
  try {
    answer = await place.client.send(
      new GetObjectCommand({
        Bucket: place.bucket,
        Key: key,
        ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
        ...(ifMatch === undefined ? {} : { IfMatch: quoted(ifMatch) }),
      }),
      signal === undefined ? {} : { abortSignal: signal },
    );
  } catch (error) {
    if (signal?.aborted === true)
      throw s3Failure('unavailable', context, 'it was cancelled.', error);
    // S3 has no empty ranges: a range past the end is an error there, and so is any of an empty object.
    if (statusOf(error) === 416) return empty(place, context, options);
    throw s3Error(error, context);
  }
  const { Body, ContentLength } = answer;
  if (!(Body instanceof Readable) || ContentLength === undefined) {
    throw s3Failure('unavailable', context, 'the server sent no body, or not its length.');
  }
  try {
    const info = infoFrom(answer, context, ContentLength);
    if (range !== undefined) assertRange(range, info, answer, context);
    if (ifMatch !== undefined && info.etag !== ifMatch) throw changed(context);
    const stream = bodyStream(Body, ContentLength, context, signal);
    const { ContentEncoding: contentEncoding } = answer;
    // An uploader's "aws-chunked" is about the transfer, not about the content.
    const encoded = contentEncoding !== undefined && !/^(aws-chunked)?,?$/.test(contentEncoding);
    return { info, stream, ...(encoded ? { contentEncoding } : {}) };
  } catch (error) {
    Body.destroy();
    throw error;
  }
}

async function empty(
  place: S3Place,
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

function infoFrom(answer: GetObjectCommandOutput, context: S3Context, length: number): ObjectInfo {
  const whole = /\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1];
  return {
    key: context.key,
    etag: etagFrom(answer.ETag, context),
    size: whole === undefined ? length : Number(whole),
    lastModified: answer.LastModified?.getTime() ?? 0,
    ...versionFrom(answer.VersionId),
  };
}

/** A server may answer a request for a range with the whole object: those are not the bytes asked for. */
function assertRange(
  { start, end }: { readonly start: number; readonly end: number },
  { size }: ObjectInfo,
  { ContentRange, ContentLength }: GetObjectCommandOutput,
  context: S3Context,
): void {
  const first = Number(/^bytes (\d+)-/.exec(ContentRange ?? 'bytes 0-')?.[1]);
  const wanted = Math.max(0, Math.min(end, size) - start);
  if (ContentLength === wanted && (first === start || wanted === 0)) return;
  throw s3Failure('unavailable', context, `the server did not send the range ${start}-${end - 1}.`);
}

function changed(context: S3Context): Error {
  return s3Failure('precondition_failed', context, 'it was changed by someone else meanwhile.');
}
