import { ImageError } from '../archives/image-error.ts';
import type { VersionState } from '../catalog/document.ts';
import { isListed, parseRemoval, REMOVAL_LIMIT } from '../catalog/removal.ts';
import type { Sha256 } from '../images/digests.ts';
import { fileKey, productName, REMOVED_FILE, type VersionRef } from '../images/layout.ts';
import { loadCatalog } from '../pipeline/documents/load-catalog.ts';
import { readBytes } from '../pipeline/read-bytes.ts';
import { publishedImages } from '../publishing/known-images.ts';
import { isStoreError } from '../storage/errors.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';

/** The location of an image's root or unified file. */
export interface StoredRoot {
  readonly ref: VersionRef;
  readonly file: string;
}

/** Milliseconds in which the catalog should list a new version. */
const LIFETIME = 10 * 60 * 1000;
/** States in which a version is never published as it is. */
const NEVER_PUBLISHED: readonly (VersionState | undefined)[] = ['rejected', 'removed', 'duplicate'];

/**
 * The images of the gateway that the catalog may not list yet. Each is reserved by an upload, staged, or placed a
 * moment ago. An image can be published under another fingerprint than the one that its sender knows; both find
 * it.
 */
export class ImageRegister {
  private readonly images = new Map<Sha256, 'reserved' | 'staged' | StoredRoot>();
  /** The published fingerprint, by the one that the sender knows. */
  private readonly sent = new Map<Sha256, Sha256>();
  private readonly timers = new Map<Sha256, NodeJS.Timeout>();
  private readonly store: ObjectStore;

  constructor(store: ObjectStore) {
    this.store = store;
  }

  /**
   * Reserves the fingerprint for one upload, until that upload stages, locations or forgets the image. ImageError
   * `present` when another upload has it, or the image is published: one fingerprint is published once.
   */
  async reserve(fingerprint: Sha256, sentAs?: Sha256): Promise<void> {
    const before = this.images.get(fingerprint);
    if (before === 'reserved' || before === 'staged') throw taken();
    this.enter(fingerprint, 'reserved', sentAs);
    try {
      if (await isPresent(this.store, fingerprint, before)) throw taken();
    } catch (error) {
      if (before) this.place(fingerprint, before, sentAs);
      else this.forget(fingerprint);
      throw error;
    }
  }

  stage(fingerprint: Sha256): void {
    this.enter(fingerprint, 'staged');
  }

  /** Removes a staged image. An image that was placed in the meantime stays. */
  unstage(fingerprint: Sha256): void {
    if (this.images.get(fingerprint) === 'staged') this.forget(fingerprint);
  }

  place(fingerprint: Sha256, root: StoredRoot, sentAs?: Sha256): void {
    this.enter(fingerprint, root, sentAs);
    const timer = setTimeout(() => this.forget(fingerprint), LIFETIME);
    timer.unref();
    this.timers.set(fingerprint, timer);
  }

  forget(name: Sha256): void {
    const fingerprint = this.sent.get(name) ?? name;
    for (const [sentAs, own] of this.sent) if (own === fingerprint) this.sent.delete(sentAs);
    clearTimeout(this.timers.get(fingerprint));
    this.timers.delete(fingerprint);
    this.images.delete(fingerprint);
  }

  /** Returns the published fingerprint of the image whose sender knows it by one that starts with `prefix`. */
  publishedAs(prefix: string): Sha256 | undefined {
    return [...this.sent].find(([sentAs]) => sentAs.startsWith(prefix))?.[1];
  }

  /** Returns the location of each placed image, under both fingerprints. */
  placed(): [Sha256, StoredRoot][] {
    const names = [...[...this.images.keys()].map((name) => [name, name] as const), ...this.sent];
    return names.flatMap(([name, fingerprint]) => {
      const root = this.images.get(fingerprint);
      return typeof root === 'object' ? [[name, root]] : [];
    });
  }

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
  }

  private enter(
    fingerprint: Sha256,
    state: 'reserved' | 'staged' | StoredRoot,
    sentAs?: Sha256,
  ): void {
    this.forget(fingerprint);
    this.images.set(fingerprint, state);
    if (sentAs) this.sent.set(sentAs, fingerprint);
  }
}

function taken(): ImageError {
  return new ImageError('present', 'Image with same fingerprint already exists');
}

/**
 * Returns whether an image is published, or will be from its `placed` location. A rejected or withdrawn image does
 * not count, even if the catalog does not list its removal yet.
 */
async function isPresent(
  store: ObjectStore,
  fingerprint: Sha256,
  placed: StoredRoot | undefined,
): Promise<boolean> {
  const catalog = (await loadCatalog(store))?.catalog;
  const published = catalog ? publishedImages(catalog) : [];
  const locations: StoredRoot[] = published.filter((image) => image.fingerprint === fingerprint);
  if (placed) {
    const { product, version } = placed.ref;
    const state = catalog?.products[productName(product)]?.versions[version]?.state;
    if (!NEVER_PUBLISHED.includes(state)) locations.push(placed);
  }
  for (const location of locations) if (await isStored(store, location)) return true;
  return false;
}

async function isStored(store: ObjectStore, { ref, file }: StoredRoot): Promise<boolean> {
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
