import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { s3Error, s3Failure, type S3Context } from './errors.ts';
import { etagFrom, type S3Bucket } from './bucket.ts';
import type { ObjectInfo } from '../object-store.ts';

/** `ObjectStore.list`. */
export async function* listObjects(
  place: S3Bucket,
  prefix: string,
  startAfter: string | undefined,
): AsyncGenerator<ObjectInfo> {
  const context: S3Context = { operation: 'list', url: place.url, key: prefix };
  let token: string | undefined;
  do {
    const page: ListObjectsV2CommandOutput | undefined = await place.client
      .send(
        new ListObjectsV2Command({
          Bucket: place.bucket,
          Prefix: prefix,
          // Keys may hold characters that XML cannot; one such key would spoil the whole listing.
          EncodingType: 'url',
          ...(token === undefined ? {} : { ContinuationToken: token }),
          ...(startAfter === undefined || startAfter === '' ? {} : { StartAfter: startAfter }),
        }),
      )
      .catch((error: unknown) => {
        const failure = s3Error(error, context);
        // No key can start so, says the server: then none does.
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

/** Undoes S3's encoding of keys in listings: as in forms, a space is `+`. What is not UTF-8 gets U+FFFD. */
export function decodeListed(key: string): string {
  const parts = key.replaceAll('+', ' ').split(/((?:%[0-9A-Fa-f]{2})+)/);
  return parts
    .map((part, index) =>
      index % 2 === 0 ? part : Buffer.from(part.replaceAll('%', ''), 'hex').toString('utf8'),
    )
    .join('');
}
