import type { S3Client } from '@aws-sdk/client-s3';
import type { ResumeLimits } from './resuming-body.ts';
import { s3Failure, type S3Context } from './errors.ts';
import type { S3Wire, WireResponse } from './wire.ts';
import type { ETag, ObjectInfo, WriteCondition, WriteOptions } from '../object-store.ts';

/** A bucket and the connection to it, which all modules of the S3 store share. */
export interface S3Bucket {
  readonly client: S3Client;
  readonly wire: S3Wire;
  readonly bucket: string;
  readonly url: string;
  readonly resumeLimits: ResumeLimits;
  serverTime(): number;
  stat(key: string): Promise<ObjectInfo | undefined>;
}

interface WriteResponse {
  readonly ETag?: string | undefined;
  readonly VersionId?: string | undefined;
}

/** Makes the info of a written object. S3 does not return the object's time, so the response's own time is used. */
export function writtenInfo(
  s3: S3Bucket,
  context: S3Context,
  response: WriteResponse,
  size: number,
): ObjectInfo {
  return {
    key: context.key,
    etag: etagFrom(response.ETag, context),
    size,
    lastModified: s3.serverTime(),
    ...versionFrom(response.VersionId),
  };
}

/** Returns an ETag header's value without its quotes. Throws `unavailable` if there is none. */
export function etagFrom(header: string | undefined, context: S3Context): ETag {
  if (header !== undefined) return header.replace(/^"|"$/g, '') as ETag;
  throw s3Failure(
    'unavailable',
    context,
    'the server returned no ETag. Check the endpoint in the URL.',
  );
}

export function versionFrom(id: string | undefined): { versionId?: string } {
  return id === undefined || id === 'null' ? {} : { versionId: id };
}

/** Reads the response to a write that `S3Wire` sent. */
export function wireWritten({ headers, body }: WireResponse): WriteResponse {
  // The body is empty, but the connection can be used again only after it was read.
  body.on('error', () => undefined).resume();
  return { ETag: headers['etag'], VersionId: headers['x-amz-version-id'] };
}

/** Converts parameters of the SDK to headers for `S3Wire`. */
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

/** Quotes an ETag for a header. */
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
