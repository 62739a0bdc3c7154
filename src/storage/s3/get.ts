import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { s3Error, s3Failure, type S3Context } from './errors.ts';
import { etagFrom, quoted, versionFrom, type S3Bucket } from './bucket.ts';
import type { ObjectInfo, ReadOptions } from '../object-store.ts';

export interface S3Response {
  readonly info: ObjectInfo;
  /** As it comes from the server: it may break off. */
  readonly body: Readable;
  /** Bytes of `body`. */
  readonly length: number;
  readonly contentEncoding?: string;
}

/** One GET of an object or of a range that is not empty. Checks that the answer is what was asked for. */
export async function getObject(
  place: S3Bucket,
  context: S3Context,
  options: ReadOptions,
): Promise<S3Response> {
  const { range, ifMatch } = options;
  const answer = (await onWire(place, context, options)) ?? (await bySdk(place, context, options));
  const { Body: body, ContentLength: length } = answer;
  if (!(body instanceof Readable) || length === undefined) {
    throw s3Failure('unavailable', context, 'the server sent no body, or not its length.');
  }
  try {
    const info = infoFrom(answer, context, length);
    if (ifMatch !== undefined && info.etag !== ifMatch) throw changed(context);
    if (range !== undefined) assertRange(range, info, answer, context);
    const { ContentEncoding: contentEncoding } = answer;
    // An uploader's "aws-chunked" is about the transfer, not about the content.
    const encoded = contentEncoding !== undefined && !/^(aws-chunked)?,?$/.test(contentEncoding);
    return { info, body, length, ...(encoded ? { contentEncoding } : {}) };
  } catch (error) {
    // What breaks in it now is nobody's error any more.
    body.on('error', () => undefined).destroy();
    throw error;
  }
}

type Answer = Pick<
  GetObjectCommandOutput,
  'ContentLength' | 'ContentRange' | 'ContentEncoding' | 'ETag' | 'LastModified' | 'VersionId'
> & { readonly Body?: unknown };

async function onWire(
  place: S3Bucket,
  { key }: S3Context,
  { range, ifMatch, signal }: ReadOptions,
): Promise<Answer | undefined> {
  const answer = await place.wire.send({
    operation: 'GetObject',
    key,
    headers: {
      ...(range === undefined ? {} : { range: rangeHeader(range) }),
      ...(ifMatch === undefined ? {} : { 'if-match': quoted(ifMatch) }),
    },
    signal,
  });
  if (answer === undefined) return undefined;
  const { headers, body } = answer;
  const length = headers['content-length'];
  const modified = headers['last-modified'];
  return {
    Body: body,
    ContentLength: length === undefined ? undefined : Number(length),
    ContentRange: headers['content-range'],
    ContentEncoding: headers['content-encoding'],
    ETag: headers['etag'],
    LastModified: modified === undefined ? undefined : new Date(modified),
    VersionId: headers['x-amz-version-id'],
  };
}

async function bySdk(
  place: S3Bucket,
  context: S3Context,
  { range, ifMatch, signal }: ReadOptions,
): Promise<Answer> {
  const command = new GetObjectCommand({
    Bucket: place.bucket,
    Key: context.key,
    ...(range === undefined ? {} : { Range: rangeHeader(range) }),
    ...(ifMatch === undefined ? {} : { IfMatch: quoted(ifMatch) }),
  });
  try {
    return await place.client.send(command, signal === undefined ? {} : { abortSignal: signal });
  } catch (error) {
    if (signal?.aborted !== true) throw s3Error(error, context);
    throw s3Failure('unavailable', context, 'it was cancelled.', error);
  }
}

function rangeHeader({ start, end }: { readonly start: number; readonly end: number }): string {
  return `bytes=${start}-${end - 1}`;
}

/** The error of a pinned read that finds another state. */
export function changed(context: S3Context, cause?: unknown): Error {
  const reason = 'it was changed or removed by someone else meanwhile.';
  return s3Failure('precondition_failed', context, reason, cause);
}

function infoFrom(answer: Answer, context: S3Context, length: number): ObjectInfo {
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
  { ContentRange, ContentLength }: Answer,
  context: S3Context,
): void {
  const first = Number(/^bytes (\d+)-/.exec(ContentRange ?? 'bytes 0-')?.[1]);
  const wanted = Math.max(0, Math.min(end, size) - start);
  if (ContentLength === wanted && (first === start || wanted === 0)) return;
  throw s3Failure('unavailable', context, `the server did not send the range ${start}-${end - 1}.`);
}
