import type { Sha256 } from '../../images/digests.ts';
import type { ObjectInfo } from '../../storage/object-store.ts';
import { type ImageMetadata } from '../../archives/image-metadata.ts';

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
