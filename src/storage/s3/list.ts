import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { s3Error, s3Failure, type S3Context } from './errors.ts';
import { etagFrom, type S3Bucket } from './bucket.ts';
import type { ObjectInfo } from '../object-store.ts';

/** Implements `ObjectStore.list`. */
export async function* listObjects(
  s3: S3Bucket,
  prefix: string,
  startAfter: string | undefined,
): AsyncGenerator<ObjectInfo> {
  const context: S3Context = { operation: 'list', url: s3.url, key: prefix };
  let token: string | undefined;
  do {
    const page: ListObjectsV2CommandOutput | undefined = await s3.client
      .send(
        new ListObjectsV2Command({
          Bucket: s3.bucket,
          Prefix: prefix,
          // Keys may have characters that XML does not allow. One such key would make the whole listing unreadable.
          EncodingType: 'url',
          ...(token === undefined ? {} : { ContinuationToken: token }),
          ...(startAfter === undefined || startAfter === '' ? {} : { StartAfter: startAfter }),
        }),
      )
      .catch((error: unknown) => {
        const failure = s3Error(error, context);
        // The server says that no key can have this prefix, so the listing is empty.
        if (failure.code === 'invalid_key') return undefined;
        throw failure;
      });
    if (page === undefined) return;
    for (const { Key, ETag, Size, LastModified } of page.Contents ?? []) {
      if (Key === undefined || Size === undefined || LastModified === undefined) {
        throw s3Failure('unavailable', context, 'the listing lacks keys, sizes or times.');
      }
      const key = page.EncodingType === 'url' ? decodeListed(Key) : Key;
      const etag = etagFrom(ETag, context);
      yield { key, etag, size: Size, lastModified: LastModified.getTime() };
    }
    token = page.NextContinuationToken;
    if (page.IsTruncated === true && token === undefined) {
      throw s3Failure('unavailable', context, 'the listing breaks off without a continuation.');
    }
  } while (token !== undefined);
}

/** Decodes a key of a listing. As in HTML forms, a space is `+`. Bytes that are not UTF-8 become U+FFFD. */
export function decodeListed(key: string): string {
  const parts = key.replaceAll('+', ' ').split(/((?:%[0-9A-Fa-f]{2})+)/);
  return parts
    .map((part, index) =>
      index % 2 === 0 ? part : Buffer.from(part.replaceAll('%', ''), 'hex').toString('utf8'),
    )
    .join('');
}
