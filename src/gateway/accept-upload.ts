import { randomUUID } from 'node:crypto';

import type { Sha256 } from '../images/digests.ts';
import { DEFAULT_METADATA } from '../images/file-kinds.ts';
import { productPath, type ProductRef } from '../images/layout.ts';
import type { Logger } from '../log/logger.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { productOfAliases } from '../publishing/choose-product.ts';
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
  /** The most bytes that the image may have. */
  readonly sizeLimit: number;
  /** Aliases from the uploader. If there are any, they decide the product. */
  readonly aliases: readonly string[];
  /** These override the properties in the image's own metadata. */
  readonly properties: Readonly<Record<string, string>>;
  /** The expected fingerprint, or its beginning. */
  readonly fingerprint?: string;
  readonly by: TrustedClient;
  /** Aborted when the uploader disconnects. Then nothing of the image may be published. */
  readonly signal: AbortSignal;
}

export interface UploadContext {
  readonly store: ObjectStore;
  readonly log: Logger;
  readonly staging: Staging;
  /** The clock and the random source of the pipeline. */
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
 * Receives and stores an image. When its aliases name a product, the root is stored in a version immediately, and
 * the metadata after all checks. Otherwise the image goes to staging until its product is known. When this
 * rejects, nothing is left in the store.
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
    // A unified image is visible as soon as it is stored, so it is checked in staging first.
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
      // The next write makes the image visible: the metadata of a version, or the record of a staged image.
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

/**
 * Places a staged image that has an alias. On an error it discards the image, because the response reports the
 * failure.
 */
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
 * Returns the product that the aliases name, or undefined without an alias: the client may name one after the
 * upload. Rejects an image that can never be published before its root is read.
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

/** Throws ImageError `forbidden` when the client is no longer trusted. */
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
