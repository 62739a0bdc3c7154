import { createHash } from 'node:crypto';

import type { ObjectStore } from '../../storage/object-store.ts';
import { described } from '../../archives/compression.ts';
import { ImageError } from '../../archives/image-error.ts';
import { MetadataError, parseImageMetadata } from '../../archives/image-metadata.ts';
import { passHashed } from './hash-root.ts';
import { peekSignature, peekTar } from '../../archives/peek.ts';
import { receiveMachine } from './receive-machine.ts';
import { receiveSplit } from './receive-split.ts';
import { isArchiveFault, tarContents } from '../../archives/image-archive.ts';
import type { IncomingImage } from '../../archives/incoming-image.ts';
import type { ReceivedImage, StoreRoot } from './received-image.ts';

/**
 * Reads an image to its end while `store` takes its root away, in bounded memory. With an `expected`
 * fingerprint (or its beginning) another image breaks off before its root is whole. What was stored is the
 * caller's to remove when this rejects; `objects` is where it can be read. ImageError for what a client can
 * mend.
 */
export async function receiveImage(
  objects: Pick<ObjectStore, 'read'>,
  image: IncomingImage,
  store: StoreRoot,
  expected?: string,
): Promise<ReceivedImage> {
  try {
    return image.kind === 'unified'
      ? await receiveUnified(objects, image.body, store, expected)
      : await receiveSplit(image.parts, store, expected);
  } catch (error) {
    if (isArchiveFault(error)) {
      throw new ImageError('unusable', `the image's archive cannot be used: ${error.message}`);
    }
    if (error instanceof MetadataError) {
      throw new ImageError('unusable', `the image's metadata.yaml ${error.message}`);
    }
    throw error;
  }
}

async function receiveUnified(
  objects: Pick<ObjectStore, 'read'>,
  body: AsyncIterable<Uint8Array>,
  store: StoreRoot,
  expected: string | undefined,
): Promise<ReceivedImage> {
  const first = await peekSignature(body);
  if (first.found.kind !== 'tar') {
    throw new ImageError(
      'unusable',
      `the image is ${described(first.found)}; one file alone must be a tar with metadata.yaml and rootfs/ or rootfs.img (plain, gzip, xz or zstd)`,
    );
  }
  const { compression } = first.found;
  const { found, body: rest } = await peekTar(first.body, compression, tarContents);
  if (found.kind === 'metadata' || found.kind === 'root') {
    throw new ImageError('unusable', `the image is ${found.kind} alone; the other half is missing`);
  }
  const metadata = parseImageMetadata(found.metadata);
  if (found.kind === 'machine') {
    return receiveMachine(objects, { body: rest, compression, metadata }, store, expected);
  }
  const head = { metadata, name: 'lxd_combined.tar.gz' };
  return passHashed(head, rest, createHash('sha256'), store, expected);
}
