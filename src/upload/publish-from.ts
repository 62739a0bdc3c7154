import type { Sha256 } from '../images/digests.ts';
import { productName, versionProblem, type ProductRef } from '../images/layout.ts';
import { isStoreError } from '../storage/errors.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { productOfProperties } from './choose-product.ts';
import { GatewayError } from './gateway-answers.ts';
import {
  call,
  exportImage,
  findImage,
  InstanceServerError,
  path,
  type ServerAddress,
  type SourceImage,
} from './instance-server.ts';
import { knownImages } from './known-images.ts';
import type { PlacedVersion } from './place-version.ts';
import { receiveImage, type ImageHead } from './receive-image.ts';
import {
  claimVersion,
  openVersion,
  PlacementError,
  versionStamp,
  type VersionSlot,
} from './version-slot.ts';

export interface PublishFromOptions {
  readonly address: ServerAddress;
  /** Default: the source's own. */
  readonly project?: string;
  /** An image's alias or fingerprint, or an instance, or `instance/snapshot`. */
  readonly name: string;
  /** Default: what the image's properties say. */
  readonly product?: ProductRef;
  /** Default: the image's `serial`, or the minute of `now`; with -2, -3 … when that is taken. */
  readonly version?: string;
  readonly force?: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Bytes that were stored so far, and the whole where the source tells it. */
  readonly onProgress?: (bytes: number, total: number | undefined) => void;
}

/**
 * Streams an image out of a running LXD or Incus into a version, with no copy of it in between, and checks
 * that it is what the source calls it. Rejects with InstanceServerError, GatewayError (the image is not
 * usable), PlacementError or StoreError; then nothing is left.
 */
export async function publishFrom(
  store: ObjectStore,
  options: PublishFromOptions,
): Promise<PlacedVersion> {
  const { address, name } = options;
  const query = queryOf(options);
  const image = await findImage(address, name, query).catch((error: unknown) => {
    if (error instanceof InstanceServerError && error.status === 404) return undefined;
    throw error;
  });
  if (image) {
    const there = await alreadyPublished(store, options, image);
    return there ?? transfer(store, options, image, image.properties['serial']);
  }
  const made = await imageOfInstance(address, name, query);
  try {
    return await transfer(store, options, made, undefined);
  } finally {
    await call(address, 'DELETE', path(['images', made.fingerprint], query));
  }
}

/**
 * Where the image is published already: that is no error, and nothing is to be done. PlacementError when that
 * is another product or version than what was asked for: a fingerprint is published once.
 */
async function alreadyPublished(
  store: ObjectStore,
  { product, version }: PublishFromOptions,
  { fingerprint }: SourceImage,
): Promise<PlacedVersion | undefined> {
  const images = await knownImages(store).catch((error: unknown) => {
    // Who may only write images need not know what is there.
    if (isStoreError(error, 'access_denied')) return [];
    throw error;
  });
  const known = images.find((image) => image.fingerprint === fingerprint);
  if (!known) return undefined;
  const { ref, file } = known;
  const same = product === undefined || productName(product) === productName(ref.product);
  if (same && (version === undefined || version === ref.version)) {
    return { ref, stored: [], kept: [file], fingerprints: { [file]: known.fingerprint } };
  }
  throw new PlacementError(
    `the image ${fingerprint} is already published as ${productName(ref.product)} ${ref.version}, and clients can have it once only; remove that first`,
  );
}

type Query = Readonly<Record<string, string>>;

function queryOf({ project }: PublishFromOptions): Query {
  return project === undefined ? {} : { project };
}

/** Has the source make an image of a stopped instance, or of a snapshot. */
async function imageOfInstance(
  address: ServerAddress,
  name: string,
  query: Query,
): Promise<SourceImage> {
  const type = name.includes('/') ? 'snapshot' : 'instance';
  const operation = await call(address, 'POST', path(['images'], query), {
    source: { type, name },
  });
  const id = textOf(operation, 'id');
  const done = await call(address, 'GET', path(['operations', id, 'wait'], query));
  const error = textOf(done, 'err');
  if (error !== '') throw new InstanceServerError(`${name} cannot be made an image: ${error}`);
  const metadata = typeof done === 'object' && done !== null && 'metadata' in done && done.metadata;
  return findImage(address, textOf(metadata, 'fingerprint'), query);
}

async function transfer(
  store: ObjectStore,
  options: PublishFromOptions,
  image: SourceImage,
  serial: string | undefined,
): Promise<PlacedVersion> {
  const incoming = await exportImage(options.address, image.fingerprint, queryOf(options));
  const total = image.size > 0 ? image.size : undefined;
  let slot: VersionSlot | undefined;
  const stored: ObjectInfo[] = [];
  try {
    const received = await receiveImage(
      incoming,
      async (head, body) => {
        slot = await openSlot(store, options, productOf(options, image, head), serial);
        const root = await slot.put(head.name, body, {
          ...replacing(slot, options, head.name),
          ...(total !== undefined && { sizeLimit: total }),
          onProgress: (bytes) => options.onProgress?.(bytes, total),
        });
        stored.push(root);
        return root;
      },
      image.fingerprint,
    );
    if (!slot) throw new TypeError('a root was stored without a version');
    const { metadataFile, name, fingerprint } = received;
    if (metadataFile) {
      stored.push(
        await slot.putBytes('lxd.tar.xz', metadataFile, replacing(slot, options, 'lxd.tar.xz')),
      );
    }
    await slot.finish();
    const fingerprints: Record<string, Sha256> = { [name]: fingerprint };
    return { ref: slot.ref, stored, kept: [], fingerprints };
  } catch (error) {
    await slot?.abandon();
    throw error;
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
  throw new GatewayError(
    400,
    'the image has no os, release or known architecture among its properties; name its product with --product',
  );
}

async function openSlot(
  store: ObjectStore,
  { version, now }: PublishFromOptions,
  product: ProductRef,
  serial: string | undefined,
): Promise<VersionSlot> {
  if (version === undefined) {
    const usable = serial !== undefined && versionProblem(serial) === undefined;
    return claimVersion(store, product, usable ? serial : versionStamp(now));
  }
  const problem = versionProblem(version);
  if (problem !== undefined) throw new PlacementError(problem);
  return openVersion(store, { product, version });
}

function replacing(
  slot: VersionSlot,
  { force = false }: PublishFromOptions,
  name: string,
): { replace?: ObjectInfo } {
  const existing = slot.existing.get(name);
  if (!existing) return {};
  if (force) return { replace: existing };
  throw new PlacementError(
    `${existing.key} is there already; publish under another version, or replace it with --force`,
  );
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== 'object' || value === null) return '';
  const found = (value as Readonly<Record<string, unknown>>)[name];
  return typeof found === 'string' ? found : '';
}
