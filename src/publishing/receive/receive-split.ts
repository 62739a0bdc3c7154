import { createHash } from 'node:crypto';

import { described, type Compression, type Signature } from '../../archives/compression.ts';
import { ImageError } from '../../archives/image-error.ts';
import { wholeBody } from '../../bytes/whole-body.ts';
import { parseImageMetadata, type ImageMetadata } from '../../archives/image-metadata.ts';
import type { Part } from '../../bytes/multipart.ts';
import { passHashed } from './hash-root.ts';
import { peekSignature, peekTar } from '../../archives/peek.ts';
import type { ReceivedImage, StoreRoot } from './received-image.ts';
import { isArchiveFault, METADATA_SIZE_LIMIT, tarContents } from '../../archives/image-archive.ts';
import { checkRootTar } from '../../archives/root-archive.ts';

/** Metadata and then a root, each a part. */
export async function receiveSplit(
  parts: AsyncIterable<Part>,
  store: StoreRoot,
  expected: string | undefined,
): Promise<ReceivedImage> {
  const iterator = parts[Symbol.asyncIterator]();
  try {
    const metadataFile = await metadataPart(await iterator.next());
    const { found, body: root } = await peekSignature(bodyOfRoot(await iterator.next()));
    const contents = await readMetadata(metadataFile);
    const body = found.kind === 'tar' ? await checkedTree(root, found.compression) : root;
    const head = { metadata: contents, metadataFile, name: rootName(found) };
    const hash = createHash('sha256').update(metadataFile);
    const received = await passHashed(head, body, hash, store, expected);
    const more = await iterator.next();
    if (more.done === true) return received;
    throw new ImageError('unusable', `the upload has a third part, "${more.value.name}"`);
  } finally {
    await iterator.return?.();
  }
}

async function metadataPart(next: IteratorResult<Part>): Promise<Buffer> {
  if (next.done === true) throw new ImageError('unusable', 'the upload has no parts');
  if (next.value.name !== 'metadata') {
    throw new ImageError(
      'unusable',
      `the upload's first part is "${next.value.name}"; "metadata" must come first, then "rootfs"`,
    );
  }
  return wholeBody(next.value.body, METADATA_SIZE_LIMIT);
}

function bodyOfRoot(next: IteratorResult<Part>): AsyncIterable<Uint8Array> {
  if (next.done === true) throw new ImageError('unusable', 'the upload has metadata and no root');
  const { name, body } = next.value;
  if (name === 'rootfs' || name === 'rootfs.img') return body;
  throw new ImageError('unusable', `the upload's second part is "${name}"; "rootfs" is expected`);
}

async function readMetadata(file: Buffer): Promise<ImageMetadata> {
  const { found, body } = await peekSignature(chunksOf(file));
  if (found.kind !== 'tar') {
    throw new ImageError(
      'unusable',
      `the metadata is ${described(found)}, where a tar with a metadata.yaml is expected; are metadata and root swapped?`,
    );
  }
  const contents = await tarContents(body, found.compression, { held: true });
  if (contents.kind === 'metadata') return parseImageMetadata(contents.metadata);
  throw new ImageError(
    'unusable',
    `the metadata's archive holds ${ALIEN[contents.kind]}; are metadata and root swapped?`,
  );
}

const ALIEN = {
  root: 'a root and no metadata.yaml',
  unified: 'a rootfs/ too',
  machine: 'a rootfs.img too',
} as const;

/** A root's archive as it was, when it is not seen to be something else. */
async function checkedTree(
  root: AsyncIterable<Uint8Array>,
  compression: Compression,
): Promise<AsyncIterable<Uint8Array>> {
  const { found, body } = await peekTar(root, compression, async (...archive) => {
    try {
      await checkRootTar(...archive);
      return undefined;
    } catch (error) {
      if (!isArchiveFault(error)) throw error;
      return error;
    }
  });
  // What we cannot decompress, clients may.
  if (found?.name !== 'TarError') return body;
  throw new ImageError('unusable', `the root's archive cannot be used: ${found.message}`);
}

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
      throw new ImageError(
        'unusable',
        `the root is ${described(signature)}; a squashfs, a qcow2 disk or a tar (plain, gzip, xz or zstd) is expected`,
      );
  }
}

// eslint-disable-next-line @typescript-eslint/require-await -- the interface is asynchronous
async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
