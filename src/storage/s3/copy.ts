import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  UploadPartCopyCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3';
import { s3Failure, type S3Context } from './errors.ts';
import { conditionHeaders, contentHeaders, quoted, writtenInfo, type S3Bucket } from './bucket.ts';
import type { CopySource, ObjectInfo, UploadOptions } from '../object-store.ts';

const GIB = 1024 ** 3;
const MAX_PARTS = 10_000;
/** Parts copied at the same time; the service does the work. */
const PARALLEL = 4;

export interface CopyLimits {
  /** The largest object that one request copies: 5 GiB on S3. */
  readonly single: number;
  /** The bytes of a part of what is larger. */
  readonly part: number;
}

export const S3_COPY_LIMITS: CopyLimits = { single: 5 * GIB, part: GIB / 2 };

interface CopyPlan {
  readonly place: S3Bucket;
  readonly context: S3Context;
  readonly from: { readonly CopySource: string; readonly CopySourceIfMatch: string };
  readonly size: number;
  readonly options: UploadOptions;
  readonly limits: CopyLimits;
}

/** `ObjectStore.copy`, for a source of at least one byte that the place's credentials may read. */
export async function copyObject(
  place: S3Bucket,
  context: S3Context,
  source: CopySource,
  sourceBucket: string,
  options: UploadOptions,
  limits: CopyLimits,
): Promise<ObjectInfo> {
  const path = source.key.split('/').map(encodeURIComponent).join('/');
  const from = { CopySource: `${sourceBucket}/${path}`, CopySourceIfMatch: quoted(source.etag) };
  const plan = { place, context, from, size: source.size, options, limits };
  // Not every server heeds a condition on CopyObject's target; on a completed upload they do.
  const single = source.size <= limits.single && options.condition === undefined;
  const info = single ? await copyAtOnce(plan) : await copyInParts(plan);
  options.onProgress?.(source.size);
  return info;
}

async function copyAtOnce({ place, context, from, size, options }: CopyPlan): Promise<ObjectInfo> {
  const content = contentHeaders(options);
  const answer = await place.client.send(
    new CopyObjectCommand({
      Bucket: place.bucket,
      Key: context.key,
      ...from,
      ...content,
      MetadataDirective: Object.keys(content).length > 0 ? 'REPLACE' : 'COPY',
    }),
    options.signal === undefined ? {} : { abortSignal: options.signal },
  );
  const { ETag } = answer.CopyObjectResult ?? {};
  return writtenInfo(place, context, { ETag, VersionId: answer.VersionId }, size);
}

async function copyInParts(plan: CopyPlan): Promise<ObjectInfo> {
  const { place, context, size, options } = plan;
  const target = { Bucket: place.bucket, Key: context.key };
  const { UploadId } = await place.client.send(
    new CreateMultipartUploadCommand({ ...target, ...contentHeaders(options) }),
  );
  if (UploadId === undefined)
    throw s3Failure('unavailable', context, 'the server began no upload.');
  try {
    const Parts = await copyParts(plan, UploadId);
    const answer = await place.client.send(
      new CompleteMultipartUploadCommand({
        ...target,
        UploadId,
        MultipartUpload: { Parts },
        ...conditionHeaders(options.condition),
      }),
    );
    return writtenInfo(place, context, answer, size);
  } catch (error) {
    // What made the copy fail is what matters; parts that stay are the lifecycle rule's.
    await place.client
      .send(new AbortMultipartUploadCommand({ ...target, UploadId }))
      .catch(() => undefined);
    throw error;
  }
}

/** All parts' ETags, in order. Returns or throws only when no part is being copied any more. */
async function copyParts(plan: CopyPlan, UploadId: string): Promise<CompletedPart[]> {
  const { place, context, from, size, options, limits } = plan;
  const partSize = Math.max(limits.part, Math.ceil(size / MAX_PARTS));
  const parts: CompletedPart[] = [];
  let next = 0;
  let failed = false;
  async function worker(): Promise<void> {
    for (let index = next++; index * partSize < size && !failed; index = next++) {
      const start = index * partSize;
      const end = Math.min(start + partSize, size);
      const PartNumber = index + 1;
      const whole = start === 0 && end === size;
      const answer = await place.client.send(
        new UploadPartCopyCommand({
          Bucket: place.bucket,
          Key: context.key,
          ...from,
          UploadId,
          PartNumber,
          ...(whole ? {} : { CopySourceRange: `bytes=${start}-${end - 1}` }),
        }),
        options.signal === undefined ? {} : { abortSignal: options.signal },
      );
      const { ETag } = answer.CopyPartResult ?? {};
      parts[index] = { PartNumber, ...(ETag === undefined ? {} : { ETag }) };
    }
  }
  const workers = Array.from({ length: PARALLEL }, () =>
    worker().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  const results = await Promise.allSettled(workers);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  return parts;
}
