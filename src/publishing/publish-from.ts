import type { Sha256 } from '../images/digests.ts';
import { DEFAULT_METADATA } from '../images/file-kinds.ts';
import { versionPrefix, versionProblem, type ProductRef } from '../images/layout.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { alreadyPublished } from './already-published.ts';
import { productOfProperties } from './choose-product.ts';
import { projectOf, type InstanceSource } from '../sources/instances/configured-remote.ts';
import { ImageError } from '../archives/image-error.ts';
import { imageOfInstance } from '../sources/instances/export-instance.ts';
import { exportImage, type SourceImage } from '../sources/instances/images.ts';
import { abandoned } from './abandon.ts';
import { errorText } from '../log/error-text.ts';
import { LeftBehindError } from '../sources/instances/left-behind.ts';
import type { PlacedVersion } from './place-version.ts';
import { receiveImage } from './receive/receive-image.ts';
import { type ImageHead } from './receive/received-image.ts';
import { lookUp } from '../sources/instances/look-up.ts';
import {
  reserveVersion,
  openVersion,
  PlacementError,
  versionStamp,
  type VersionReservation,
} from './reservation.ts';

export interface PublishFromOptions {
  readonly source: InstanceSource;
  /** An image's alias or fingerprint, an instance, or `instance/snapshot`. */
  readonly name: string;
  /** The name is an instance or snapshot, even if an image has it too. */
  readonly instance?: boolean;
  /** Default: from the image's properties. */
  readonly product?: ProductRef;
  /** Default: the image's `serial`, or the minute of `now`; with -2, -3 … when that is taken. */
  readonly version?: string;
  readonly force?: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Called with the bytes stored so far, and the total if the source states it. */
  readonly onProgress?: (bytes: number, total: number | undefined) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Streams an image from a running LXD or Incus into a version, without a local copy, and checks its fingerprint.
 * Rejects with InstanceServerError, ImageError (the image is not usable), PlacementError, StoreError or the
 * signal's reason. Then nothing is left in the store or on the source, except after LeftBehindError.
 */
export async function publishFrom(
  store: ObjectStore,
  options: PublishFromOptions,
): Promise<PlacedVersion> {
  const { source, signal } = options;
  try {
    const named = await lookUp(source, options);
    if (named.kind === 'instance') return await publishInstance(store, options);
    return await publishImage(store, options, named.image, named.image.properties['serial']);
  } catch (error) {
    if (signal?.aborted !== true || error instanceof LeftBehindError) throw error;
    throw signal.reason;
  }
}

async function publishInstance(
  store: ObjectStore,
  options: PublishFromOptions,
): Promise<PlacedVersion> {
  const { source, name, signal } = options;
  const { image, release } = await imageOfInstance(source, name, signal);
  let placed: PlacedVersion;
  try {
    // The instance has the properties of the image that it was created from. Their serial belongs to that image.
    placed = await publishImage(store, options, image, undefined);
  } catch (error) {
    await release().catch((left: unknown) => {
      throw signal?.aborted === true ? left : leftBehind(errorText(error), left);
    });
    throw error;
  }
  await release().catch((left: unknown) => {
    throw leftBehind(`${versionPrefix(placed.ref)} is stored`, left);
  });
  return placed;
}

function leftBehind(first: string, left: unknown): LeftBehindError {
  return new LeftBehindError(`${first}; but ${errorText(left)}`, { cause: left });
}

async function publishImage(
  store: ObjectStore,
  options: PublishFromOptions,
  image: SourceImage,
  serial: string | undefined,
): Promise<PlacedVersion> {
  const known = await alreadyPublished(store, image.fingerprint, options);
  return known ?? transfer(store, options, image, serial);
}

async function transfer(
  store: ObjectStore,
  options: PublishFromOptions,
  image: SourceImage,
  serial: string | undefined,
): Promise<PlacedVersion> {
  const { source, signal } = options;
  const { fingerprint: announced } = image;
  const incoming = await exportImage(source.address, announced, projectOf(source), signal);
  const total = image.size > 0 ? image.size : undefined;
  let reservation: VersionReservation | undefined;
  try {
    await using arriving = await receiveImage(store, incoming, announced);
    const { head } = arriving;
    reservation = await openReservation(store, options, productOf(options, image, head), serial);
    const received = await arriving.done(
      reservation.put(head.name, arriving.root, {
        ...replacing(reservation, options, head.name),
        ...(head.rootSize === undefined
          ? total !== undefined && { sizeLimit: total }
          : { size: head.rootSize }),
        ...(signal && { signal }),
        onProgress: (bytes) => options.onProgress?.(bytes, head.rootSize ?? total),
      }),
    );
    const { root, metadataFile, name, fingerprint, sentAs } = received;
    const known = sentAs && (await alreadyPublished(store, fingerprint, options));
    if (known) {
      await reservation.abandon();
      return known;
    }
    const stored = [root];
    if (metadataFile) {
      const metadata = {
        ...replacing(reservation, options, DEFAULT_METADATA),
        ...(signal && { signal }),
      };
      stored.push(await reservation.putBytes(DEFAULT_METADATA, metadataFile, metadata));
    }
    await reservation.finish();
    const fingerprints: Record<string, Sha256> = { [name]: fingerprint };
    return { ref: reservation.ref, stored, kept: [], fingerprints };
  } catch (error) {
    return abandoned(reservation, error, signal);
  }
}

function productOf(
  { product }: PublishFromOptions,
  { properties }: SourceImage,
  { metadata }: ImageHead,
): ProductRef {
  const own =
    product ??
    productOfProperties({
      properties: { ...metadata.properties, ...properties },
      architecture: metadata.architecture,
    });
  if (own) return own;
  throw new ImageError(
    'unnamed',
    'the image has no os, release or known architecture among its properties; name its product with --product',
  );
}

async function openReservation(
  store: ObjectStore,
  { version, now }: PublishFromOptions,
  product: ProductRef,
  serial: string | undefined,
): Promise<VersionReservation> {
  if (version === undefined) {
    const usable = serial !== undefined && versionProblem(serial) === undefined;
    return reserveVersion(store, product, usable ? serial : versionStamp(now));
  }
  const problem = versionProblem(version);
  if (problem !== undefined) throw new PlacementError(problem);
  return openVersion(store, { product, version });
}

function replacing(
  reservation: VersionReservation,
  { force = false }: PublishFromOptions,
  name: string,
): { replace?: ObjectInfo } {
  const existing = reservation.existing.get(name);
  if (!existing) return {};
  if (force) return { replace: existing };
  throw new PlacementError(
    `${existing.key} is there already; publish under another version, or replace it with --force`,
  );
}
