import { productName, type ProductRef } from '../images/layout.ts';
import { isStoreError } from '../storage/errors.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { knownImages } from './known-images.ts';
import type { PlacedVersion } from './place-version.ts';
import { PlacementError } from './reservation.ts';

/**
 * Returns where the image is already published: the caller then has nothing to do. PlacementError when that is
 * another product or version than the requested one: a fingerprint is published once.
 */
export async function alreadyPublished(
  store: ObjectStore,
  fingerprint: string,
  asked: { readonly product?: ProductRef | undefined; readonly version?: string | undefined },
): Promise<PlacedVersion | undefined> {
  const { product, version } = asked;
  const images = await knownImages(store).catch((error: unknown) => {
    // A publisher may have write access only. The catalog is then unknown, and the upload continues.
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
