import { createHash, type Hash } from 'node:crypto';

import { peekSignature } from '../../archives/compression.ts';
import {
  METADATA_SIZE_LIMIT,
  readMetadataFile,
  tarContents,
} from '../../archives/image-archive.ts';
import { ImageError, imageFault } from '../../archives/image-error.ts';
import { parseImageMetadata } from '../../archives/image-metadata.ts';
import type { IncomingImage } from '../../archives/incoming-image.ts';
import { peekTar } from '../../archives/peek.ts';
import { checkedRootTar } from '../../archives/root-archive.ts';
import {
  beforeEnd,
  hashed,
  lend,
  noting,
  wholeBody,
  type BorrowedChunks,
} from '../../bytes/borrowed-chunks.ts';
import type { Part } from '../../bytes/multipart.ts';
import { parseSha256, type Sha256 } from '../../images/digests.ts';
import { DEFAULT_UNIFIED, rootFile } from '../../images/file-kinds.ts';
import { described, ROOT_FORMATS, rootFormat, type Signature } from '../../images/formats.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { openMachine } from './receive-machine.ts';
import type { ArrivingImage, OpenedImage } from './received-image.ts';

/**
 * Reads an image up to its root, in bounded memory. The caller stores the root and then awaits `done`. If the
 * image does not have the `expected` fingerprint (or its beginning), the root fails before its end. The stored
 * root is read through `objects`. Rejects with ImageError for mistakes that the sender can correct.
 */
export async function receiveImage(
  objects: Pick<ObjectStore, 'read'>,
  image: IncomingImage,
  expected?: string,
): Promise<ArrivingImage> {
  const opened = await open(objects, image).catch((error: unknown) => {
    throw imageFault(error) ?? error;
  });
  const { head, announced } = opened;
  const faults: unknown[] = [];
  return {
    head,
    // Checked before the stream ends, so that a wrong image is never completely stored.
    root: noting(
      beforeEnd(opened.root, () => checkFingerprint(expected, announced)),
      faults,
    ),
    done: async (storing) => {
      const root = await storing.catch((error: unknown) => {
        const [fault = error] = faults;
        throw imageFault(fault) ?? fault;
      });
      const converted = await opened.converted?.(root);
      const metadataFile = converted?.metadataFile ?? head.metadataFile;
      return {
        ...head,
        ...(metadataFile && { metadataFile }),
        root,
        size: (metadataFile?.length ?? 0) + root.size,
        fingerprint: digestOf(converted?.hash ?? announced),
        ...(converted && { sentAs: digestOf(announced) }),
      };
    },
    [Symbol.asyncDispose]: async () => opened.close(),
  };
}

function open(objects: Pick<ObjectStore, 'read'>, image: IncomingImage): Promise<OpenedImage> {
  return image.kind === 'unified' ? openUnified(objects, image.body) : openSplit(image.parts);
}

async function openUnified(
  objects: Pick<ObjectStore, 'read'>,
  body: BorrowedChunks,
): Promise<OpenedImage> {
  const first = await peekSignature(body);
  if (first.found.kind !== 'tar') {
    throw new ImageError(
      'unusable',
      `the image is ${described(first.found)}; one file alone must be a tar with metadata.yaml and rootfs/ or rootfs.img (plain, gzip, xz or zstd)`,
    );
  }
  const { compression } = first.found;
  const { found, body: whole } = await peekTar(first.body, compression, tarContents);
  if (found.kind === 'metadata' || found.kind === 'root') {
    throw new ImageError('unusable', `the image is ${found.kind} alone; the other half is missing`);
  }
  const metadata = parseImageMetadata(found.metadata);
  if (found.kind === 'machine') return openMachine(objects, { body: whole, compression, metadata });
  const hash = createHash('sha256');
  return {
    head: { metadata, name: DEFAULT_UNIFIED },
    root: hashed(whole, hash),
    announced: hash,
    // Not awaited: a generator that waits for a slow body returns only after its next chunk.
    close: () =>
      void lend(whole)
        .return?.()
        .catch(() => undefined),
  };
}

/** Opens a multipart upload: the metadata, then the root. */
async function openSplit(parts: AsyncIterable<Part>): Promise<OpenedImage> {
  const iterator = parts[Symbol.asyncIterator]();
  const close = async (): Promise<void> => {
    // Ignored: the error that made the reader stop is more useful.
    await iterator.return?.().catch(() => undefined);
  };
  try {
    const metadataFile = await metadataPart(await iterator.next());
    const { found, body } = await peekSignature(rootPart(await iterator.next()));
    const metadata = await readMetadataFile(metadataFile);
    const root = found.kind === 'tar' ? await checkedRootTar(body, found.compression) : body;
    const hash = createHash('sha256').update(metadataFile);
    return {
      head: { metadata, metadataFile, name: rootName(found) },
      root: beforeEnd(hashed(root, hash), async () => noPart(await iterator.next())),
      announced: hash,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function metadataPart(next: IteratorResult<Part>): Promise<Buffer> {
  if (next.done === true) throw new ImageError('unusable', 'the upload has no parts');
  const { name, body } = next.value;
  if (name === 'metadata') return wholeBody(body, METADATA_SIZE_LIMIT);
  throw new ImageError(
    'unusable',
    `the upload's first part is "${name}"; "metadata" must come first, then "rootfs"`,
  );
}

function rootPart(next: IteratorResult<Part>): BorrowedChunks {
  if (next.done === true) throw new ImageError('unusable', 'the upload has metadata and no root');
  const { name, body } = next.value;
  if (name === 'rootfs' || name === 'rootfs.img') return body;
  throw new ImageError('unusable', `the upload's second part is "${name}"; "rootfs" is expected`);
}

function noPart(next: IteratorResult<Part>): void {
  if (next.done === true) return;
  throw new ImageError('unusable', `the upload has a third part, "${next.value.name}"`);
}

/**
 * The bytes decide the root's name, not the part's name: the disk of a pushed virtual machine is sent as `rootfs`.
 */
function rootName(signature: Signature): string {
  const format = rootFormat(signature);
  if (format !== undefined) return rootFile(format);
  throw new ImageError(
    'unusable',
    `the root is ${described(signature)}; ${ROOT_FORMATS} is expected`,
  );
}

/** Throws ImageError when the image's fingerprint does not start with the announced text. */
function checkFingerprint(expected: string | undefined, actual: Hash): void {
  const digest = actual.copy().digest('hex');
  if (expected === undefined || digest.startsWith(expected.toLowerCase())) return;
  throw new ImageError(
    'mismatch',
    `the image's fingerprint is ${digest}, not ${expected} as was announced; it was damaged on its way, or is another`,
  );
}

function digestOf(hash: Hash): Sha256 {
  const digest = parseSha256(hash.digest('hex'));
  if (digest === undefined) throw new TypeError('a SHA-256 has 64 digits');
  return digest;
}
