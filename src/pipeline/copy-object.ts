import { createHash } from 'node:crypto';
import type { Sha256 } from '../images/digests.ts';
import { IMAGES_CACHE_CONTROL, IMAGES_CONTENT_TYPE } from '../facts/delivery-policy.ts';
import { isStoreError } from '../storage/errors.ts';
import type {
  ETag,
  ObjectInfo,
  ObjectStore,
  UploadOptions,
  WriteCondition,
} from '../storage/object-store.ts';
import { collecting } from '../bytes/body-memory.ts';

export interface CopyOrder {
  readonly key: string;
  /** The ETag of the source object. No other state is copied. */
  readonly etag: ETag;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
  readonly condition: WriteCondition;
  /** Called with the bytes copied so far. */
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Objects up to this many bytes are held in memory whole: most are small, and a stream has a cost. */
const WHOLE = 2 * 1024 * 1024;

/** Target stores that cannot copy by themselves from a source store, with that source store. */
const cannotCopyFrom = new WeakMap<ObjectStore, ObjectStore>();

/** The copied bytes differ from what the catalog states for the same state of the object. */
export class CopyMismatch extends Error {
  override readonly name = 'CopyMismatch';
}

/**
 * Copies an image file from one store to another under the same key. The service that both stores are in
 * copies it when it can. Otherwise the bytes are streamed in bounded memory, hashed on the way, and stored
 * only when the digest is right. Rejects with `precondition_failed` when the source has changed or the
 * condition is not met.
 */
export async function copyObject(
  from: ObjectStore,
  to: ObjectStore,
  { key, etag, size, sha256, condition, onProgress, signal }: CopyOrder,
): Promise<ObjectInfo> {
  const options: UploadOptions = {
    condition,
    size,
    contentType: IMAGES_CONTENT_TYPE,
    cacheControl: IMAGES_CACHE_CONTROL,
    onProgress,
    signal,
  };
  if (cannotCopyFrom.get(to) !== from) {
    try {
      return await to.copy({ store: from, key, etag, size }, key, options);
    } catch (error) {
      if (!isStoreError(error, 'unsupported')) throw error;
      cannotCopyFrom.set(to, from);
    }
  }
  const { stream } = await from.read(key, { ifMatch: etag, signal });
  const body = checked(stream, `${key} in ${from.url}`, size, sha256);
  if (size > WHOLE) return to.upload(key, body, options);
  const bytes = Buffer.concat(await Array.fromAsync(body));
  const info = await to.write(key, bytes, { ...options, sha256 });
  onProgress?.(size);
  return info;
}

/** Passes a body on. Ends it with an error when its size or its digest is wrong. */
export async function* checked(
  body: AsyncIterable<Uint8Array>,
  what: string,
  size: number,
  sha256: Sha256,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let passed = 0;
  for await (const chunk of collecting(body)) {
    passed += chunk.length;
    if (passed > size) break;
    hash.update(chunk);
    yield chunk;
  }
  const found = hash.digest('hex');
  if (passed === size && found === sha256) return;
  const wrong =
    passed === size ? `the SHA-256 ${found}, not ${sha256}` : `not the ${size} bytes expected`;
  throw new CopyMismatch(
    `${what} has ${wrong}: its bytes were damaged. It was not copied; ` +
      'run `bucketstreams verify` on the master, and upload the file again if that finds it too.',
  );
}
