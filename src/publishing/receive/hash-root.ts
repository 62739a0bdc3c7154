import type { Hash } from 'node:crypto';

import { parseSha256, type Sha256 } from '../../images/digests.ts';
import type { ObjectInfo } from '../../storage/object-store.ts';
import { ImageError } from '../../archives/image-error.ts';
import type { ImageHead, ReceivedImage, StoreRoot } from './received-image.ts';

/** Has `store` take a root away. Rejects with the root's own fault, which is what its sender has to know. */
export async function passRoot(
  store: StoreRoot,
  head: ImageHead,
  body: AsyncIterable<Uint8Array>,
): Promise<ObjectInfo> {
  const broken: unknown[] = [];
  async function* noting(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* body;
    } catch (error) {
      broken.push(error);
      throw error;
    }
  }
  return store(head, noting()).catch((error: unknown) => {
    throw broken.length > 0 ? broken[0] : error;
  });
}

/** Has `store` take a root away, and hashes it after what `hash` has seen already. */
export async function passHashed(
  head: ImageHead,
  body: AsyncIterable<Uint8Array>,
  hash: Hash,
  store: StoreRoot,
  expected: string | undefined,
): Promise<ReceivedImage> {
  let size = head.metadataFile?.length ?? 0;
  async function* tapped(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of body) {
      hash.update(chunk);
      size += chunk.byteLength;
      yield chunk;
    }
    // Checked before the end of the stream is told, so that nothing wrong is ever whole.
    checkFingerprint(expected, hash);
  }
  const root = await passRoot(store, head, tapped());
  return { ...head, fingerprint: digestOf(hash), size, root };
}

/** ImageError when an image is another than the one that was announced by its fingerprint, or its beginning. */
export function checkFingerprint(expected: string | undefined, actual: Hash): void {
  const digest = actual.copy().digest('hex');
  if (expected === undefined || digest.startsWith(expected.toLowerCase())) return;
  throw new ImageError(
    'mismatch',
    `the image's fingerprint is ${digest}, not ${expected} as was announced; it was damaged on its way, or is another`,
  );
}

export function digestOf(hash: Hash): Sha256 {
  const digest = parseSha256(hash.digest('hex'));
  if (digest === undefined) throw new TypeError('a SHA-256 has 64 digits');
  return digest;
}
