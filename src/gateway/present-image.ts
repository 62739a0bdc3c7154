import type { VersionState } from '../catalog/document.ts';
import { isListed, parseRemoval, REMOVAL_LIMIT } from '../catalog/removal.ts';
import type { Sha256 } from '../images/digests.ts';
import { fileKey, productName, REMOVED_FILE, type VersionRef } from '../images/layout.ts';
import { loadCatalog } from '../pipeline/documents/load-catalog.ts';
import { readBytes } from '../pipeline/read-bytes.ts';
import { isStoreError } from '../storage/errors.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { publishedImages } from '../publishing/known-images.ts';

/** Where an image's root, or unified file, lies. */
export interface StoredRoot {
  readonly ref: VersionRef;
  readonly file: string;
}

/** A version in one of these never comes to be public as it is. */
const REFUSED: readonly (VersionState | undefined)[] = ['rejected', 'removed', 'duplicate'];

/**
 * Whether an image is published, or about to be from where it was `placed`. One that was rejected, or
 * withdrawn, is not, nor one whose removal the catalog does not know of yet.
 */
export async function isPresent(
  store: ObjectStore,
  fingerprint: Sha256,
  placed: StoredRoot | undefined,
): Promise<boolean> {
  const catalog = (await loadCatalog(store))?.catalog;
  const published = catalog ? publishedImages(catalog) : [];
  const places: StoredRoot[] = published.filter((image) => image.fingerprint === fingerprint);
  if (placed) {
    const { product, version } = placed.ref;
    const state = catalog?.products[productName(product)]?.versions[version]?.state;
    if (!REFUSED.includes(state)) places.push(placed);
  }
  for (const place of places) if (await stands(store, place)) return true;
  return false;
}

async function stands(store: ObjectStore, { ref, file }: StoredRoot): Promise<boolean> {
  const info = await store.stat(fileKey(ref, file));
  return info !== undefined && !(await isRemoved(store, ref, file, info));
}

async function isRemoved(
  store: ObjectStore,
  ref: VersionRef,
  file: string,
  info: ObjectInfo,
): Promise<boolean> {
  try {
    const bytes = await readBytes(store, fileKey(ref, REMOVED_FILE), { limit: REMOVAL_LIMIT });
    const marker = parseRemoval(bytes.toString('utf8'));
    return !('problem' in marker) && isListed(marker, file, info);
  } catch (error) {
    if (isStoreError(error, 'not_found')) return false;
    throw error;
  }
}
