import { randomUUID } from 'node:crypto';

import type { Sha256 } from '../images/digests.ts';
import { DEFAULT_METADATA } from '../images/file-kinds.ts';
import type { ProductRef } from '../images/layout.ts';
import type { Logger } from '../log/logger.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { productOfAliases, productPath } from '../publishing/choose-product.ts';
import { ImageError } from '../archives/image-error.ts';
import { allows, type TrustedClient, type TrustStore } from './trust-store.ts';
import type { ImageRegister } from './image-register.ts';
import { receiveImage } from '../publishing/receive/receive-image.ts';
import type { ImageHead, ReceivedImage } from '../publishing/receive/received-image.ts';
import type { IncomingImage } from '../archives/incoming-image.ts';
import {
  reserveVersion,
  versionStamp,
  type VersionReservation,
} from '../publishing/reservation.ts';
import type { StagedImage } from './staged-image.ts';
import type { Staging } from './staging.ts';

export interface Upload {
  readonly image: IncomingImage;
  /** The most bytes that it may have. */
  readonly sizeLimit: number;
  /** Names that its uploader gives it. They decide the product, where they name one. */
  readonly aliases: readonly string[];
  /** These override the properties in the image's own metadata. */
  readonly properties: Readonly<Record<string, string>>;
  /** The fingerprint, or the beginning of it, that the image must have. */
  readonly fingerprint?: string;
  readonly by: TrustedClient;
  /** Aborted when its uploader is gone: then nothing of the image may be published. */
  readonly signal: AbortSignal;
}

export interface UploadContext {
  readonly store: ObjectStore;
  readonly log: Logger;
  readonly staging: Staging;
  /** The clock and chance of the pipeline. */
  readonly now: PipelineContext['now'];
  readonly pause: PipelineContext['pause'];
  readonly random: PipelineContext['random'];
  readonly register: ImageRegister;
  readonly trust: Pick<TrustStore, 'find'>;
}

export interface AcceptedUpload {
  readonly fingerprint: Sha256;
  readonly size: number;
}

/**
 * Takes an image in. When its aliases name a product, the root is stored in a version at once, and the metadata
 * follows once all is checked. Otherwise the image is staged until its product is known. Nothing is left in the
 * store when this rejects.
 */
export async function acceptUpload(
  uploads: UploadContext,
  upload: Upload,
): Promise<AcceptedUpload> {
  const { store, now, staging, register } = uploads;
  const { sizeLimit, signal } = upload;
  const id = randomUUID();
  let reservation: VersionReservation | undefined;
  let staged: string | undefined;
  try {
    await using arriving = await receiveImage(store, upload.image, upload.fingerprint);
    const { head, root } = arriving;
    const product = decide(upload, head);
    const { rootSize } = head;
    if (rootSize !== undefined && rootSize > sizeLimit) throw tooLarge(sizeLimit);
    const bounds = { sizeLimit, signal, ...(rootSize !== undefined && { size: rootSize }) };
    let storing: Promise<ObjectInfo>;
    // A unified image would be visible before it was checked.
    if (product && head.metadataFile) {
      reservation = await reserveVersion(store, product, versionStamp(now()));
      storing = reservation.put(head.name, root, bounds);
    } else {
      staged = staging.keyFor(id, head.name);
      storing = store.upload(staged, root, { condition: { ifAbsent: true }, ...bounds });
    }
    const received = await arriving.done(storing);
    const { fingerprint, sentAs, size, metadataFile } = received;
    await stillTrusted(uploads, upload.by);
    await register.reserve(fingerprint, sentAs);
    let image: StagedImage | undefined;
    try {
      // The metadata, or the record, makes the image visible.
      signal.throwIfAborted();
      if (reservation && metadataFile) {
        await reservation.putBytes(DEFAULT_METADATA, metadataFile);
        await reservation.finish();
        register.place(fingerprint, { ref: reservation.ref, file: received.name }, sentAs);
      } else {
        image = stagedImage(uploads, id, upload, received);
        await staging.admit(image);
        staged = undefined;
      }
    } catch (error) {
      register.forget(fingerprint);
      throw error;
    }
    if (image) await settle(uploads, image, upload);
    return { fingerprint, size };
  } catch (error) {
    await reservation?.abandon();
    if (staged !== undefined) await store.remove(staged);
    throw error;
  }
}

/** Places a staged image that its uploader named. The response reports a fault, so the image is discarded then. */
async function settle(
  { staging }: UploadContext,
  image: StagedImage,
  { aliases: [alias], by, signal }: Upload,
): Promise<void> {
  try {
    if (alias !== undefined) await staging.placeByAlias(image, alias, by.allow, signal);
    else signal.throwIfAborted();
  } catch (error) {
    await staging.discard(image);
    throw error;
  }
}

/**
 * The product that the aliases name, if any are given. An image that can never be published is rejected before
 * its root passes. Without an alias, the client may still name one after the upload.
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

/** ImageError `forbidden` when the client is no longer trusted. */
export async function stillTrusted(
  { trust }: Pick<UploadContext, 'trust'>,
  { fingerprint }: TrustedClient,
): Promise<void> {
  if (!(await trust.find(fingerprint))) throw new ImageError('forbidden', 'not authorized');
}

function propertiesOf(upload: Upload, head: ImageHead): Readonly<Record<string, string>> {
  return { ...head.metadata.properties, ...upload.properties };
}

function tooLarge(sizeLimit: number): ImageError {
  return new ImageError('too_large', `the image's disk is larger than ${sizeLimit} bytes`);
}

function stagedImage(
  { now }: UploadContext,
  id: string,
  upload: Upload,
  received: ReceivedImage,
): StagedImage {
  const { fingerprint, sentAs, size, root, name, metadata, metadataFile } = received;
  return {
    id,
    fingerprint,
    size,
    uploadedAt: new Date(now()).toISOString(),
    architecture: metadata.architecture,
    creationDate: metadata.creationDate,
    properties: propertiesOf(upload, received),
    aliases: upload.aliases,
    allow: upload.by.allow,
    owner: upload.by.fingerprint,
    root: { key: root.key, name, etag: root.etag, size: root.size },
    ...(sentAs && { sentAs }),
    ...(metadataFile && { metadataFile: metadataFile.toString('base64') }),
  };
}
