import { createHash } from 'node:crypto';

import type { Sha256 } from '../images/digests.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { described } from '../archives/compression.ts';
import { GatewayError } from '../gateway/api/answers.ts';
import {
  MetadataError,
  parseImageMetadata,
  type ImageMetadata,
} from '../archives/image-metadata.ts';
import { passHashed } from './pass-root.ts';
import { peekSignature, peekTar } from '../archives/peek.ts';
import { receiveMachine } from './receive-machine.ts';
import { receiveSplit } from './receive-split.ts';
import { isArchiveFault, tarContents } from '../archives/image-archive.ts';
import type { IncomingImage } from '../archives/incoming-image.ts';

/** What is known of an image before its root has passed. */
export interface ImageHead {
  readonly metadata: ImageMetadata;
  /**
   * Of an image that is published as two files, stored when all else is. That of a virtual machine that came as
   * one file may grow while its disk passes.
   */
  readonly metadataFile?: Buffer;
  /** The name under which what passes is stored. */
  readonly name: string;
  /** Bytes of what passes, where that is told beforehand. */
  readonly rootSize?: number;
}

export interface ReceivedImage extends ImageHead {
  /** What it is published by. */
  readonly fingerprint: Sha256;
  /** What its sender knows it by, where that is another: it came as one file and is published as two. */
  readonly sentAs?: Sha256;
  /** Of all its files, in bytes. */
  readonly size: number;
  /** What passed, as it was stored. */
  readonly root: ObjectInfo;
}

/** Where a root goes; called once what the image is, is known. */
export type StoreRoot = (head: ImageHead, body: AsyncIterable<Uint8Array>) => Promise<ObjectInfo>;

/**
 * Reads an image to its end while `store` takes its root away, in bounded memory. With an `expected`
 * fingerprint (or its beginning) another image breaks off before its root is whole. What was stored is the
 * caller's to remove when this rejects; `objects` is where it can be read. GatewayError for what a client can
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
      throw new GatewayError(400, `the image's archive cannot be used: ${error.message}`);
    }
    if (error instanceof MetadataError) {
      throw new GatewayError(400, `the image's metadata.yaml ${error.message}`);
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
    throw new GatewayError(
      400,
      `the image is ${described(first.found)}; one file alone must be a tar with metadata.yaml and rootfs/ or rootfs.img (plain, gzip, xz or zstd)`,
    );
  }
  const { compression } = first.found;
  const { found, body: rest } = await peekTar(first.body, compression, tarContents);
  if (found.kind === 'metadata' || found.kind === 'root') {
    throw new GatewayError(400, `the image is ${found.kind} alone; the other half is missing`);
  }
  const metadata = parseImageMetadata(found.metadata);
  if (found.kind === 'machine') {
    return receiveMachine(objects, { body: rest, compression, metadata }, store, expected);
  }
  const head = { metadata, name: 'lxd_combined.tar.gz' };
  return passHashed(head, rest, createHash('sha256'), store, expected);
}
