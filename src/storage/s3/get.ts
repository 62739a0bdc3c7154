import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { s3Error, s3Failure, type S3Context } from './errors.ts';
import { etagFrom, quoted, versionFrom, type S3Bucket } from './bucket.ts';
import type { ObjectInfo, ReadOptions } from '../object-store.ts';

export interface S3Response {
  readonly info: ObjectInfo;
  /** The body as the server sends it. The connection may break before its end. */
  readonly body: Readable;
  /** The length of `body` in bytes. */
  readonly length: number;
  readonly contentEncoding?: string;
}

/** Sends one GET for an object or a range that is not empty. Checks that the response matches the request. */
export async function getObject(
  s3: S3Bucket,
  context: S3Context,
  options: ReadOptions,
): Promise<S3Response> {
  const { range, ifMatch } = options;
  const response = (await onWire(s3, context, options)) ?? (await bySdk(s3, context, options));
  const { Body: body, ContentLength: length } = response;
  if (!(body instanceof Readable) || length === undefined) {
    throw s3Failure('unavailable', context, 'the server sent no body, or not its length.');
  }
  try {
    const info = infoFrom(response, context, length);
    if (ifMatch !== undefined && info.etag !== ifMatch) throw changed(context);
    if (range !== undefined) assertRange(range, info, response, context);
    const { ContentEncoding: contentEncoding } = response;
    // An uploader's "aws-chunked" describes the transfer, not the content.
    const encoded = contentEncoding !== undefined && !/^(aws-chunked)?,?$/.test(contentEncoding);
    return { info, body, length, ...(encoded ? { contentEncoding } : {}) };
  } catch (error) {
    // The body is not read any more, so its later errors are ignored.
    body.on('error', () => undefined).destroy();
    throw error;
  }
}

type ObjectResponse = Pick<
  GetObjectCommandOutput,
  'ContentLength' | 'ContentRange' | 'ContentEncoding' | 'ETag' | 'LastModified' | 'VersionId'
> & { readonly Body?: unknown };

async function onWire(
  s3: S3Bucket,
  { key }: S3Context,
  { range, ifMatch, signal }: ReadOptions,
): Promise<ObjectResponse | undefined> {
  const response = await s3.wire.send({
    operation: 'GetObject',
    key,
    headers: {
      ...(range === undefined ? {} : { range: rangeHeader(range) }),
      ...(ifMatch === undefined ? {} : { 'if-match': quoted(ifMatch) }),
    },
    signal,
  });
  if (response === undefined) return undefined;
  const { headers, body } = response;
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
  s3: S3Bucket,
  context: S3Context,
  { range, ifMatch, signal }: ReadOptions,
): Promise<ObjectResponse> {
  const command = new GetObjectCommand({
    Bucket: s3.bucket,
    Key: context.key,
    ...(range === undefined ? {} : { Range: rangeHeader(range) }),
    ...(ifMatch === undefined ? {} : { IfMatch: quoted(ifMatch) }),
  });
  try {
    return await s3.client.send(command, signal === undefined ? {} : { abortSignal: signal });
  } catch (error) {
    if (signal?.aborted !== true) throw s3Error(error, context);
    throw s3Failure('unavailable', context, 'it was cancelled.', error);
  }
}

function rangeHeader({ start, end }: { readonly start: number; readonly end: number }): string {
  return `bytes=${start}-${end - 1}`;
}

/** Makes the error of a read with `ifMatch` that finds another state of the object. */
export function changed(context: S3Context, cause?: unknown): Error {
  const reason = 'it was changed or removed by someone else meanwhile.';
  return s3Failure('precondition_failed', context, reason, cause);
}

function infoFrom(response: ObjectResponse, context: S3Context, length: number): ObjectInfo {
  const whole = /\/(\d+)$/.exec(response.ContentRange ?? '')?.[1];
  return {
    key: context.key,
    etag: etagFrom(response.ETag, context),
    size: whole === undefined ? length : Number(whole),
    lastModified: response.LastModified?.getTime() ?? 0,
    ...versionFrom(response.VersionId),
  };
}

/** Throws if the response is not the requested range. A server may send the whole object instead. */
function assertRange(
  { start, end }: { readonly start: number; readonly end: number },
  { size }: ObjectInfo,
  { ContentRange, ContentLength }: ObjectResponse,
  context: S3Context,
): void {
  const first = Number(/^bytes (\d+)-/.exec(ContentRange ?? 'bytes 0-')?.[1]);
  const wanted = Math.max(0, Math.min(end, size) - start);
  if (ContentLength === wanted && (first === start || wanted === 0)) return;
  throw s3Failure('unavailable', context, `the server did not send the range ${start}-${end - 1}.`);
}
