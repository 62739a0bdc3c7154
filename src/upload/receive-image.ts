import { createHash, type Hash } from 'node:crypto';

import type { Sha256 } from '../images/digests.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import type { Signature } from './compression.ts';
import { wholeBody } from './gateway-body.ts';
import { GatewayError } from './gateway-answers.ts';
import { MetadataError, parseImageMetadata, type ImageMetadata } from './image-metadata.ts';
import type { Part } from './multipart-parts.ts';
import { checkFingerprint, digestOf, passRoot } from './pass-root.ts';
import { peekSignature, peekTar } from './peek.ts';
import { receiveMachine } from './receive-machine.ts';
import { isArchiveFault, METADATA_SIZE_LIMIT, tarContents } from './tar-contents.ts';

/** An image as it comes from a client: one archive, or metadata and then a root. */
export type IncomingImage =
  | { readonly kind: 'unified'; readonly body: AsyncIterable<Uint8Array> }
  | { readonly kind: 'split'; readonly parts: AsyncIterable<Part> };

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

/** How much of a unified archive may pass before its metadata.yaml; tools put it first. */
const UNIFIED_HEAD = 16 * 1024 * 1024;

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
      `the image is ${describe(first.found)}; one file alone must be a tar with metadata.yaml and rootfs/ or rootfs.img (plain, gzip, xz or zstd)`,
    );
  }
  const { compression } = first.found;
  const { found, body: rest } = await peekTar(first.body, compression, UNIFIED_HEAD, tarContents);
  if (found.kind === 'metadata' || found.kind === 'root') {
    throw new GatewayError(400, `the image is ${found.kind} alone; the other half is missing`);
  }
  const metadata = parseImageMetadata(found.metadata);
  if (found.kind === 'machine') {
    return receiveMachine(objects, { body: rest, compression, metadata }, store, expected);
  }
  const head = { metadata, name: 'lxd_combined.tar.gz' };
  return pass(head, rest, createHash('sha256'), store, expected);
}

async function receiveSplit(
  parts: AsyncIterable<Part>,
  store: StoreRoot,
  expected: string | undefined,
): Promise<ReceivedImage> {
  const iterator = parts[Symbol.asyncIterator]();
  try {
    const metadataFile = await metadataPart(await iterator.next());
    const { found, body } = await peekSignature(bodyOfRoot(await iterator.next()));
    const contents = await readMetadata(metadataFile);
    const head = { metadata: contents, metadataFile, name: rootName(found) };
    const hash = createHash('sha256').update(metadataFile);
    const received = await pass(head, body, hash, store, expected);
    const more = await iterator.next();
    if (more.done === true) return received;
    throw new GatewayError(400, `the upload has a third part, "${more.value.name}"`);
  } finally {
    await iterator.return?.();
  }
}

async function metadataPart(next: IteratorResult<Part>): Promise<Buffer> {
  if (next.done === true) throw new GatewayError(400, 'the upload has no parts');
  if (next.value.name !== 'metadata') {
    throw new GatewayError(
      400,
      `the upload's first part is "${next.value.name}"; "metadata" must come first, then "rootfs"`,
    );
  }
  return wholeBody(next.value.body, METADATA_SIZE_LIMIT);
}

function bodyOfRoot(next: IteratorResult<Part>): AsyncIterable<Uint8Array> {
  if (next.done === true) throw new GatewayError(400, 'the upload has metadata and no root');
  const { name, body } = next.value;
  if (name === 'rootfs' || name === 'rootfs.img') return body;
  throw new GatewayError(400, `the upload's second part is "${name}"; "rootfs" is expected`);
}

async function readMetadata(file: Buffer): Promise<ImageMetadata> {
  const { found, body } = await peekSignature(chunksOf(file));
  if (found.kind !== 'tar') {
    throw new GatewayError(
      400,
      `the metadata is ${describe(found)}, where a tar with a metadata.yaml is expected; are metadata and root swapped?`,
    );
  }
  const contents = await tarContents(body, found.compression);
  if (contents.kind === 'metadata') return parseImageMetadata(contents.metadata);
  throw new GatewayError(
    400,
    `the metadata's archive holds ${ALIEN[contents.kind]}; are metadata and root swapped?`,
  );
}

const ALIEN = {
  root: 'a root and no metadata.yaml',
  unified: 'a rootfs/ too',
  machine: 'a rootfs.img too',
} as const;

/** Clients name the part by what they believe it is; a pushed virtual machine's disk comes as `rootfs`. */
function rootName(signature: Signature): string {
  switch (signature.kind) {
    case 'squashfs':
      return 'rootfs.squashfs';
    case 'qcow2':
      return 'disk.qcow2';
    case 'tar':
      return 'rootfs.tar.xz';
    case 'closed':
    case 'unknown':
      throw new GatewayError(
        400,
        `the root is ${describe(signature)}; a squashfs, a qcow2 disk or a tar (plain, gzip, xz or zstd) is expected`,
      );
  }
}

async function pass(
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

// eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous
async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

function describe(signature: Signature): string {
  switch (signature.kind) {
    case 'squashfs':
      return 'a squashfs';
    case 'qcow2':
      return 'a qcow2 disk';
    case 'tar':
      return 'a tar';
    case 'closed':
      return `compressed by ${signature.name}, which cannot be looked into`;
    case 'unknown':
      return 'of no kind that an image is made of';
  }
}
