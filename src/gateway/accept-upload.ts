import { randomUUID } from 'node:crypto';

import type { Sha256 } from '../images/digests.ts';
import type { ProductRef } from '../images/layout.ts';
import type { Logger } from '../log/logger.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { productOfAliases, productPath } from '../publishing/choose-product.ts';
import { ImageError } from '../archives/image-error.ts';
import { allows } from './allowed-products.ts';
import type { TrustedClient, TrustStore } from './trust-store.ts';
import { isPresent } from './present-image.ts';
import type { RecentImages } from './recent-images.ts';
import { receiveImage } from '../publishing/receive/receive-image.ts';
import { type ImageHead } from '../publishing/receive/received-image.ts';
import { type IncomingImage } from '../archives/incoming-image.ts';
import { claimVersion, versionStamp, type VersionSlot } from '../publishing/version-slot.ts';
import type { WaitingImage } from './waiting-image.ts';
import type { WaitingRoom } from './waiting-room.ts';

export interface Upload {
  readonly image: IncomingImage;
  /** Bytes that it may have at most. */
  readonly sizeLimit: number;
  /** What its uploader calls it. One that names a product decides. */
  readonly aliases: readonly string[];
  /** Over those of the image's own metadata. */
  readonly properties: Readonly<Record<string, string>>;
  /** What it must turn out to be. */
  readonly fingerprint?: string;
  readonly by: TrustedClient;
  /** Aborted when its uploader is gone: then nothing of it may be published. */
  readonly signal: AbortSignal;
}

export interface UploadDesk {
  readonly store: ObjectStore;
  readonly log: Logger;
  readonly room: WaitingRoom;
  /** The clock and its like, as the pipeline has them. */
  readonly now: PipelineContext['now'];
  readonly pause: PipelineContext['pause'];
  readonly random: PipelineContext['random'];
  readonly recent: RecentImages;
  readonly trust: Pick<TrustStore, 'find'>;
}

export interface AcceptedUpload {
  readonly fingerprint: Sha256;
  readonly size: number;
}

/**
 * Takes an image in. When its aliases name a product its root goes where it will stay and its metadata
 * follows once all is checked; else the image waits whole for its product. On a fault nothing is left.
 */
export async function acceptUpload(desk: UploadDesk, upload: Upload): Promise<AcceptedUpload> {
  const { store, now, room } = desk;
  const { sizeLimit, signal } = upload;
  const id = randomUUID();
  let slot: VersionSlot | undefined;
  let staged: string | undefined;
  try {
    const received = await receiveImage(
      store,
      upload.image,
      async (head, body) => {
        const product = decide(upload, head);
        const { rootSize: size } = head;
        if (size !== undefined && size > sizeLimit) throw tooLarge(sizeLimit);
        const bounds = { sizeLimit, signal, ...(size !== undefined && { size }) };
        // A unified image would be visible before it was checked.
        if (product && head.metadataFile) {
          slot = await claimVersion(store, product, versionStamp(now()));
          return slot.put(head.name, body, bounds);
        }
        staged = room.keyFor(id, head.name);
        return store.upload(staged, body, { condition: { ifAbsent: true }, ...bounds });
      },
      upload.fingerprint,
    );
    const { fingerprint, sentAs, size, metadataFile } = received;
    await stillTrusted(desk, upload.by);
    await reserve(desk, fingerprint, sentAs);
    try {
      // With the metadata, or the record, the image is there for all to see.
      signal.throwIfAborted();
      if (slot && metadataFile) {
        await slot.putBytes('lxd.tar.xz', metadataFile);
        await slot.finish();
        desk.recent.place(fingerprint, { ref: slot.ref, file: received.name }, sentAs);
      } else {
        const image = waitingImage(desk, id, upload, received);
        await room.admit(image);
        staged = undefined;
        desk.recent.forget(fingerprint);
        await settle(desk, image, upload);
      }
    } catch (error) {
      desk.recent.forget(fingerprint);
      throw error;
    }
    return { fingerprint, size };
  } catch (error) {
    await slot?.abandon();
    if (staged !== undefined) await store.remove(staged);
    throw error;
  }
}

/** Places a waiting image if its uploader named it, who is told of any fault: then it is not kept either. */
async function settle(
  { room }: UploadDesk,
  image: WaitingImage,
  { aliases: [alias], by, signal }: Upload,
): Promise<void> {
  try {
    if (alias !== undefined) await room.placeByAlias(image, alias, by.allow, signal);
    else signal.throwIfAborted();
  } catch (error) {
    await room.discard(image);
    throw error;
  }
}

/**
 * The product that the aliases name, if any are given: what could never be published is refused before its
 * root passes. Without one, an alias may still be named once the image is here.
 */
function decide({ aliases, by: { allow } }: Upload, head: ImageHead): ProductRef | undefined {
  const [first, ...others] = aliases;
  if (first === undefined) return undefined;
  const named = productOfAliases([first, ...others], head.metadata.architecture);
  if ('problem' in named) throw new ImageError('unnamed', named.problem);
  const path = productPath(named.product);
  if (allows(allow, path)) return named.product;
  throw new ImageError('forbidden', `this client may not publish ${path}`);
}

/** ImageError `forbidden` when a client was shut out since it began. */
export async function stillTrusted(
  { trust }: Pick<UploadDesk, 'trust'>,
  { fingerprint }: TrustedClient,
): Promise<void> {
  if (!(await trust.find(fingerprint))) throw new ImageError('forbidden', 'not authorized');
}

function propertiesOf(upload: Upload, head: ImageHead): Readonly<Record<string, string>> {
  return { ...head.metadata.properties, ...upload.properties };
}

/** One fingerprint is published once. From here to its end this upload has it for itself. */
async function reserve(
  desk: UploadDesk,
  fingerprint: Sha256,
  sentAs: Sha256 | undefined,
): Promise<void> {
  const taken = () => new ImageError('present', 'Image with same fingerprint already exists');
  if (desk.recent.isReserved(fingerprint) || desk.room.find(fingerprint)) throw taken();
  const placed = desk.recent.find(fingerprint);
  desk.recent.reserve(fingerprint, sentAs);
  try {
    if (await isPresent(desk.store, fingerprint, placed)) throw taken();
  } catch (error) {
    if (placed) desk.recent.place(fingerprint, placed, sentAs);
    else desk.recent.forget(fingerprint);
    throw error;
  }
}

function tooLarge(sizeLimit: number): ImageError {
  return new ImageError('too_large', `the image's disk is larger than ${sizeLimit} bytes`);
}

function waitingImage(
  { now }: UploadDesk,
  id: string,
  upload: Upload,
  received: Awaited<ReturnType<typeof receiveImage>>,
): WaitingImage {
  const { fingerprint, sentAs, size, root, name, metadata, metadataFile } = received;
  return {
    ...{ id, fingerprint, size, uploadedAt: new Date(now()).toISOString() },
    architecture: metadata.architecture,
    creationDate: metadata.creationDate,
    properties: propertiesOf(upload, received),
    ...{ aliases: upload.aliases, allow: upload.by.allow, owner: upload.by.fingerprint },
    root: { key: root.key, name, etag: root.etag, size: root.size },
    ...(sentAs && { sentAs }),
    ...(metadataFile && { metadataFile: metadataFile.toString('base64') }),
  };
}
