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
/** Parts that are copied at the same time. The service does the work. */
const PARALLEL = 4;

export interface CopyLimits {
  /** The largest object that one request copies: 5 GiB on S3. */
  readonly single: number;
  /** Bytes of each part of a larger object. */
  readonly part: number;
}

export const S3_COPY_LIMITS: CopyLimits = { single: 5 * GIB, part: GIB / 2 };

interface CopyPlan {
  readonly s3: S3Bucket;
  readonly context: S3Context;
  readonly from: { readonly CopySource: string; readonly CopySourceIfMatch: string };
  readonly size: number;
  readonly options: UploadOptions;
  readonly limits: CopyLimits;
}

/** Implements `ObjectStore.copy` for a source that is not empty and that the store's credentials may read. */
export async function copyObject(
  s3: S3Bucket,
  context: S3Context,
  source: CopySource,
  sourceBucket: string,
  options: UploadOptions,
  limits: CopyLimits,
): Promise<ObjectInfo> {
  const path = source.key.split('/').map(encodeURIComponent).join('/');
  const from = { CopySource: `${sourceBucket}/${path}`, CopySourceIfMatch: quoted(source.etag) };
  const plan = { s3, context, from, size: source.size, options, limits };
  // Some servers ignore a condition on the target of CopyObject. They do check it when an upload is completed.
  const single = source.size <= limits.single && options.condition === undefined;
  const info = single ? await copyAtOnce(plan) : await copyInParts(plan);
  options.onProgress?.(source.size);
  return info;
}

async function copyAtOnce({ s3, context, from, size, options }: CopyPlan): Promise<ObjectInfo> {
  const content = contentHeaders(options);
  const response = await s3.client.send(
    new CopyObjectCommand({
      Bucket: s3.bucket,
      Key: context.key,
      ...from,
      ...content,
      MetadataDirective: Object.keys(content).length > 0 ? 'REPLACE' : 'COPY',
    }),
    options.signal === undefined ? {} : { abortSignal: options.signal },
  );
  const { ETag } = response.CopyObjectResult ?? {};
  return writtenInfo(s3, context, { ETag, VersionId: response.VersionId }, size);
}

async function copyInParts(plan: CopyPlan): Promise<ObjectInfo> {
  const { s3, context, size, options } = plan;
  const target = { Bucket: s3.bucket, Key: context.key };
  const { UploadId } = await s3.client.send(
    new CreateMultipartUploadCommand({ ...target, ...contentHeaders(options) }),
  );
  if (UploadId === undefined)
    throw s3Failure('unavailable', context, 'the server began no upload.');
  try {
    const Parts = await copyParts(plan, UploadId);
    const response = await s3.client.send(
      new CompleteMultipartUploadCommand({
        ...target,
        UploadId,
        MultipartUpload: { Parts },
        ...conditionHeaders(options.condition),
      }),
    );
    return writtenInfo(s3, context, response, size);
  } catch (error) {
    // The caller needs the first error. A lifecycle rule deletes parts that remain.
    await s3.client
      .send(new AbortMultipartUploadCommand({ ...target, UploadId }))
      .catch(() => undefined);
    throw error;
  }
}

/** Copies all parts and returns their ETags in order. Settles only when no part is being copied any more. */
async function copyParts(plan: CopyPlan, UploadId: string): Promise<CompletedPart[]> {
  const { s3, context, from, size, options, limits } = plan;
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
      const response = await s3.client.send(
        new UploadPartCopyCommand({
          Bucket: s3.bucket,
          Key: context.key,
          ...from,
          UploadId,
          PartNumber,
          ...(whole ? {} : { CopySourceRange: `bytes=${start}-${end - 1}` }),
        }),
        options.signal === undefined ? {} : { abortSignal: options.signal },
      );
      const { ETag } = response.CopyPartResult ?? {};
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
