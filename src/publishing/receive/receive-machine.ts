import { createHash, type Hash } from 'node:crypto';

import type { ObjectInfo, ObjectStore } from '../../storage/object-store.ts';
import { letGo } from '../../bytes/collect-young.ts';
import type { Compression } from '../../archives/compression.ts';
import type { ImageMetadata } from '../../archives/image-metadata.ts';
import { hashedBody } from '../../bytes/hashed-body.ts';
import { openMachineArchive } from '../../archives/machine-archive.ts';
import { checkFingerprint, digestOf, passRoot } from './hash-root.ts';
import type { ReceivedImage, StoreRoot } from './received-image.ts';

export interface IncomingMachine {
  readonly body: AsyncIterable<Uint8Array>;
  readonly compression: Compression;
  readonly metadata: ImageMetadata;
}

/**
 * Splits a virtual machine's image of one file as it passes: the disk goes to `store`, the rest becomes the
 * metadata file. What was announced is the fingerprint of the one file.
 */
export async function receiveMachine(
  objects: Pick<ObjectStore, 'read'>,
  { body, compression, metadata }: IncomingMachine,
  store: StoreRoot,
  expected: string | undefined,
): Promise<ReceivedImage> {
  const whole = createHash('sha256');
  const archive = await openMachineArchive(hashedBody(body, whole), compression);
  try {
    const early = archive.metadataFile();
    const hash = createHash('sha256').update(early);
    async function* disk(): AsyncGenerator<Uint8Array, void, undefined> {
      yield* hashedBody(archive.disk(), hash);
      // Checked before the end of the stream is told, so that nothing wrong is ever whole.
      checkFingerprint(expected, whole);
    }
    const { diskSize: rootSize } = archive;
    const head = { metadata, name: 'disk.qcow2', rootSize };
    const root = await passRoot(store, { ...head, metadataFile: early }, disk());
    const metadataFile = archive.metadataFile();
    // The fingerprint begins with the metadata, of which some came behind the disk.
    const late = !metadataFile.equals(early);
    const fingerprint = digestOf(late ? await readAgain(objects, metadataFile, root) : hash);
    const size = metadataFile.length + root.size;
    return { ...head, metadataFile, root, size, fingerprint, sentAs: digestOf(whole) };
  } finally {
    archive.close();
  }
}

async function readAgain(
  objects: Pick<ObjectStore, 'read'>,
  metadataFile: Buffer,
  { key, etag }: ObjectInfo,
): Promise<Hash> {
  const hash = createHash('sha256').update(metadataFile);
  const { stream } = await objects.read(key, { ifMatch: etag });
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    letGo(chunk.byteLength);
  }
  return hash;
}
