import type { Hash } from 'node:crypto';

import type { ImageMetadata } from '../../archives/image-metadata.ts';
import type { BorrowedChunks } from '../../bytes/borrowed-chunks.ts';
import type { Sha256 } from '../../images/digests.ts';
import type { ObjectInfo } from '../../storage/object-store.ts';

/** The data of an image that is known before its root is read. */
export interface ImageHead {
  readonly metadata: ImageMetadata;
  /**
   * The metadata file of an image that is published as two files. It is stored last. For a virtual machine in one
   * file, more entries may be added to it while the disk is read.
   */
  readonly metadataFile?: Buffer;
  /** The file name of the root. */
  readonly name: string;
  /** Bytes of the root, if known in advance. */
  readonly rootSize?: number;
}

/** An image whose head was read. Disposing of it closes its body. */
export interface ArrivingImage extends AsyncDisposable {
  readonly head: ImageHead;
  /**
   * The root, for the caller to store. It ends without an error only when the image has the announced fingerprint.
   */
  readonly root: BorrowedChunks;
  /**
   * Resolves after the caller has stored the root. When the root itself failed, rejects with that error instead of
   * the store's. ImageError for mistakes that the sender can correct.
   */
  done(storing: Promise<ObjectInfo>): Promise<ReceivedImage>;
}

export interface ReceivedImage extends ImageHead {
  /** The fingerprint under which the image is published. */
  readonly fingerprint: Sha256;
  /** The fingerprint that the sender knows, if it differs: the image arrived as one file and is published as two. */
  readonly sentAs?: Sha256;
  /** Bytes of all its files. */
  readonly size: number;
  /** The root as it was stored. */
  readonly root: ObjectInfo;
}

/** An image in any of its upload forms, read up to its root. */
export interface OpenedImage {
  readonly head: ImageHead;
  readonly root: BorrowedChunks;
  /** The hash of the image in the sender's form; complete when `root` ends. */
  readonly announced: Hash;
  /** Returns the metadata file and fingerprint of the published form. Absent when that is the sender's form. */
  readonly converted?: (root: ObjectInfo) => Promise<ConvertedImage>;
  close(): Promise<void> | void;
}

interface ConvertedImage {
  readonly metadataFile: Buffer;
  readonly hash: Hash;
}
