import type { S3Client } from '@aws-sdk/client-s3';
import type { ResumeLimits } from './resuming-body.ts';
import { s3Failure, type S3Context } from './errors.ts';
import type { S3Wire, WireResponse } from './wire.ts';
import type { ETag, ObjectInfo, WriteCondition, WriteOptions } from '../object-store.ts';

/** A bucket and how to reach it: what the parts of the S3 store share. */
export interface S3Bucket {
  readonly client: S3Client;
  readonly wire: S3Wire;
  readonly bucket: string;
  readonly url: string;
  readonly resumeLimits: ResumeLimits;
  serverTime(): number;
  stat(key: string): Promise<ObjectInfo | undefined>;
}

interface Answer {
  readonly ETag?: string | undefined;
  readonly VersionId?: string | undefined;
}

/** The information that the answer to a write gives. S3 does not tell the time: it is the answer's own. */
export function writtenInfo(
  place: S3Bucket,
  context: S3Context,
  answer: Answer,
  size: number,
): ObjectInfo {
  return {
    key: context.key,
    etag: etagFrom(answer.ETag, context),
    size,
    lastModified: place.serverTime(),
    ...versionFrom(answer.VersionId),
  };
}

/** An ETag header's value without its quotes. */
export function etagFrom(header: string | undefined, context: S3Context): ETag {
  if (header !== undefined) return header.replace(/^"|"$/g, '') as ETag;
  throw s3Failure(
    'unavailable',
    context,
    'the server told no ETag. Check the endpoint in the URL.',
  );
}

export function versionFrom(id: string | undefined): { versionId?: string } {
  return id === undefined || id === 'null' ? {} : { versionId: id };
}

/** What the answer to a write on the wire tells. */
export function wireWritten({ headers, body }: WireResponse): Answer {
  // Of no content, but the connection is free only when it was read.
  body.on('error', () => undefined).resume();
  return { ETag: headers['etag'], VersionId: headers['x-amz-version-id'] };
}

/** Headers as the wire takes them, from parameters as the SDK does. */
export function wireHeaders(
  params: ReturnType<typeof conditionHeaders> & ReturnType<typeof contentHeaders>,
): Record<string, string> {
  const names = {
    IfMatch: 'if-match',
    IfNoneMatch: 'if-none-match',
    ContentType: 'content-type',
    CacheControl: 'cache-control',
    ContentEncoding: 'content-encoding',
  } as const;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(params)) {
    headers[names[name as keyof typeof names]] = value;
  }
  return headers;
}

/** An ETag as a header's value. */
export function quoted(etag: ETag): string {
  return `"${etag}"`;
}

export function conditionHeaders(condition: WriteCondition | undefined): {
  IfMatch?: string;
  IfNoneMatch?: string;
} {
  if (condition === undefined) return {};
  return 'ifAbsent' in condition ? { IfNoneMatch: '*' } : { IfMatch: quoted(condition.ifMatch) };
}

export function contentHeaders({ contentType, cacheControl, contentEncoding }: WriteOptions): {
  ContentType?: string;
  CacheControl?: string;
  ContentEncoding?: string;
} {
  return {
    ...(contentType === undefined ? {} : { ContentType: contentType }),
    ...(cacheControl === undefined ? {} : { CacheControl: cacheControl }),
    ...(contentEncoding === undefined ? {} : { ContentEncoding: contentEncoding }),
  };
}
