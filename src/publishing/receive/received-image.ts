import type { Hash } from 'node:crypto';

import type { ImageMetadata } from '../../archives/image-metadata.ts';
import type { BorrowedChunks } from '../../bytes/borrowed-chunks.ts';
import type { Sha256 } from '../../images/digests.ts';
import type { ObjectInfo } from '../../storage/object-store.ts';

/** What is known of an image before its root has passed. */
export interface ImageHead {
  readonly metadata: ImageMetadata;
  /**
   * The metadata file of an image that is published as two files; it is stored when all else is. For a virtual
   * machine that came as one file it may grow while its disk passes.
   */
  readonly metadataFile?: Buffer;
  /** The name under which the root is stored. */
  readonly name: string;
  /** Bytes of the root, where they are known beforehand. */
  readonly rootSize?: number;
}

/** An image whose head was read. Disposing of it closes its body. */
export interface ArrivingImage extends AsyncDisposable {
  readonly head: ImageHead;
  /** For the caller to store. It ends well only when the image has the fingerprint that was announced. */
  readonly root: BorrowedChunks;
  /**
   * Resolves once the caller has stored the root. Rejects with the root's own fault, where it has one, instead
   * of what the store made of it. ImageError for what the sender can correct.
   */
  done(storing: Promise<ObjectInfo>): Promise<ReceivedImage>;
}

export interface ReceivedImage extends ImageHead {
  /** What it is published by. */
  readonly fingerprint: Sha256;
  /** What its sender knows it by, where that differs: it came as one file and is published as two. */
  readonly sentAs?: Sha256;
  /** Bytes of all its files. */
  readonly size: number;
  /** The root as it was stored. */
  readonly root: ObjectInfo;
}

/** An image in one of the forms in which it may come, opened as far as its root. */
export interface OpenedImage {
  readonly head: ImageHead;
  readonly root: BorrowedChunks;
  /** The hash of what the sender announced, complete when `root` ends. */
  readonly announced: Hash;
  /** Where it is published in another form than it came: the metadata file and the fingerprint of that form. */
  readonly converted?: (root: ObjectInfo) => Promise<ConvertedImage>;
  close(): Promise<void> | void;
}

interface ConvertedImage {
  readonly metadataFile: Buffer;
  readonly hash: Hash;
}
