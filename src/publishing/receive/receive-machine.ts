import { createHash, type Hash } from 'node:crypto';

import type { Compression } from '../../archives/compression.ts';
import type { ImageMetadata } from '../../archives/image-metadata.ts';
import { openMachineArchive } from '../../archives/machine-archive.ts';
import { hashed, type BorrowedChunks } from '../../bytes/borrowed-chunks.ts';
import { collecting } from '../../bytes/body-memory.ts';
import { rootFile } from '../../images/file-kinds.ts';
import type { ObjectInfo, ObjectStore } from '../../storage/object-store.ts';
import type { OpenedImage } from './received-image.ts';

export interface IncomingMachine {
  readonly body: BorrowedChunks;
  readonly compression: Compression;
  readonly metadata: ImageMetadata;
}

/**
 * Splits a virtual machine's image of one file while it is read. The disk becomes the root, the rest the metadata
 * file. The sender announced the fingerprint of the one file.
 */
export async function openMachine(
  objects: Pick<ObjectStore, 'read'>,
  { body, compression, metadata }: IncomingMachine,
): Promise<OpenedImage> {
  const announced = createHash('sha256');
  const archive = await openMachineArchive(hashed(body, announced), compression);
  const early = archive.metadataFile();
  const hash = createHash('sha256').update(early);
  return {
    head: { metadata, metadataFile: early, name: rootFile('qcow2'), rootSize: archive.diskSize },
    root: hashed(archive.disk(), hash),
    announced,
    converted: async (root) => {
      const metadataFile = archive.metadataFile();
      // The fingerprint starts with the metadata. Metadata after the disk changes it, so the root is hashed again.
      const late = !metadataFile.equals(early);
      return { metadataFile, hash: late ? await readAgain(objects, metadataFile, root) : hash };
    },
    close: () => archive.close(),
  };
}

async function readAgain(
  objects: Pick<ObjectStore, 'read'>,
  metadataFile: Buffer,
  { key, etag }: ObjectInfo,
): Promise<Hash> {
  const hash = createHash('sha256').update(metadataFile);
  const { stream } = await objects.read(key, { ifMatch: etag });
  for await (const chunk of collecting(stream)) hash.update(chunk);
  return hash;
}
