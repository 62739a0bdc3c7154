import { productName, productPath, type ProductRef, type VersionRef } from '../images/layout.ts';
import type { Sha256 } from '../images/digests.ts';
import { DEFAULT_METADATA } from '../images/file-kinds.ts';
import type { Logger } from '../log/logger.ts';
import { readBytes } from '../pipeline/read-bytes.ts';
import { isStoreError } from '../storage/errors.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { productOfAlias, productOfProperties } from '../publishing/choose-product.ts';
import { clearUploads, stagedFolders } from '../publishing/clear-uploads.ts';
import { ImageError } from '../archives/image-error.ts';
import { allows, type TrustedClient, type TrustStore } from './trust-store.ts';
import type { ImageRegister } from './image-register.ts';
import { reserveVersion, versionStamp } from '../publishing/reservation.ts';
import { parseStagedImage, type StagedImage } from './staged-image.ts';
import { RECORD_FILE, STAGING_PREFIX } from '../publishing/uploads-prefix.ts';
import { errorText } from '../log/error-text.ts';

/**
 * Milliseconds. LXD's client sends the alias in a separate call after the upload. So an image waits this long
 * before its properties decide its product.
 */
const DEFAULT_SETTLE = 5_000;
/** Milliseconds after which an image without a usable alias or properties is discarded. */
const UNPLACED_LIFETIME = 60 * 60 * 1000;
const RECORD_LIMIT = 32 * 1024 * 1024;

export interface StagingOptions {
  readonly store: ObjectStore;
  readonly log: Logger;
  readonly now: () => number;
  /** Milliseconds for which an image waits for an alias before its properties decide. */
  readonly settle?: number;
  readonly register: ImageRegister;
  readonly trust: Pick<TrustStore, 'find'>;
}

/** Images that are completely stored and wait for their product. A crash loses none of them. */
export class Staging {
  private readonly options: StagingOptions;
  private readonly images = new Map<Sha256, StagedImage>();
  private readonly timers = new Map<Sha256, NodeJS.Timeout>();
  private readonly work = new Map<Sha256, Promise<VersionRef | undefined>>();

  private closed = false;

  constructor(options: StagingOptions) {
    this.options = options;
  }

  /** Loads the staged images of an earlier process and discards uploads that are too old. */
  async recover(): Promise<void> {
    const { store } = this.options;
    await clearUploads(this.options);
    for (const [id, objects] of await stagedFolders(store)) {
      const record = objects.find(({ key }) => key === `${STAGING_PREFIX}${id}/${RECORD_FILE}`);
      const image = record && (await this.readRecord(record.key));
      if (image) this.watch(image);
    }
  }

  /** The key for the root of an upload whose product is not known yet. */
  keyFor(id: string, name: string): string {
    return `${STAGING_PREFIX}${id}/${name}`;
  }

  /** Stores the image's record. From then on the image survives a crash. */
  async admit(image: StagedImage): Promise<void> {
    await this.options.store.write(
      `${STAGING_PREFIX}${image.id}/${RECORD_FILE}`,
      Buffer.from(`${JSON.stringify(image)}\n`),
      { condition: { ifAbsent: true } },
    );
    this.watch(image);
  }

  ownedBy({ fingerprint }: TrustedClient): StagedImage[] {
    return [...this.images.values()].filter(({ owner }) => owner === fingerprint);
  }

  find(fingerprint: Sha256): StagedImage | undefined {
    return this.images.get(fingerprint);
  }

  /**
   * Places an image in the product that an alias names. ImageError when the alias names no product, or one that
   * the caller may not publish. The signal can stop this until the image's bytes are copied.
   */
  async placeByAlias(
    image: StagedImage,
    alias: string,
    allow: readonly string[],
    signal?: AbortSignal,
  ): Promise<VersionRef> {
    const named = productOfAlias(alias, image.architecture);
    if ('problem' in named) throw new ImageError('unnamed', named.problem);
    return this.place(image, named.product, allow, signal);
  }

  /** Deletes a staged image. */
  async discard(image: StagedImage): Promise<void> {
    this.forget(image.fingerprint);
    const { store } = this.options;
    await store.remove(`${STAGING_PREFIX}${image.id}/${RECORD_FILE}`);
    await store.remove(image.root.key);
  }

  /** Stops the timers and waits for the images that are being placed. Images that still wait stay in the store. */
  async close(): Promise<void> {
    this.closed = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    await Promise.allSettled(this.work.values());
  }

  private watch(image: StagedImage, more = 0): void {
    const { log, now, register, settle = DEFAULT_SETTLE } = this.options;
    this.images.set(image.fingerprint, image);
    register.stage(image.fingerprint);
    const own = productOfProperties(image);
    const product = own && allows(image.allow, productPath(own)) ? own : undefined;
    const age = now() - Date.parse(image.uploadedAt);
    const due = product ? settle : UNPLACED_LIFETIME;
    const timer = setTimeout(
      () => {
        const done = product ? this.placeByProperties(image, product) : this.giveUp(image);
        done.catch((error: unknown) => {
          log('error', 'cannot place an uploaded image', {
            fingerprint: image.fingerprint,
            error: errorText(error),
          });
          // Tries again later: the store may work again by then.
          if (!this.closed && this.find(image.fingerprint) === image) this.watch(image, settle);
        });
      },
      Math.max(due - age, more),
    );
    timer.unref();
    this.timers.set(image.fingerprint, timer);
  }

  private async placeByProperties(image: StagedImage, product: ProductRef): Promise<void> {
    const owner = await this.options.trust.find(image.owner);
    if (owner && allows(owner.allow, productPath(product))) {
      await this.place(image, product, owner.allow);
    } else await this.giveUp(image);
  }

  private async giveUp(image: StagedImage): Promise<void> {
    this.options.log('warn', 'discarded an uploaded image that no allowed client placed', {
      fingerprint: image.fingerprint,
    });
    await this.discard(image);
  }

  /** Places an image, once at a time: a second call waits for the first and returns its result. */
  private async place(
    image: StagedImage,
    product: ProductRef,
    allow: readonly string[],
    signal?: AbortSignal,
  ): Promise<VersionRef> {
    const path = productPath(product);
    if (!allows(allow, path)) {
      throw new ImageError('forbidden', `this client may not publish ${path}`);
    }
    const running = this.work.get(image.fingerprint);
    const work = running ?? this.move(image, product, signal);
    if (!running) this.work.set(image.fingerprint, work);
    try {
      const placed = await work;
      if (placed) return placed;
      throw new ImageError('discarded', 'the image was discarded meanwhile');
    } finally {
      this.work.delete(image.fingerprint);
    }
  }

  private async move(
    image: StagedImage,
    product: ProductRef,
    signal?: AbortSignal,
  ): Promise<VersionRef | undefined> {
    if (this.images.get(image.fingerprint) !== image) return undefined;
    const { store, log, now } = this.options;
    const reservation = await reserveVersion(store, product, versionStamp(now()));
    try {
      await reservation.copy(
        image.root.name,
        { store, ...image.root },
        { ...(signal && { signal }) },
      );
      if (image.metadataFile !== undefined) {
        signal?.throwIfAborted();
        await reservation.putBytes(DEFAULT_METADATA, Buffer.from(image.metadataFile, 'base64'));
      }
      await reservation.finish();
    } catch (error) {
      await reservation.abandon();
      throw error;
    }
    const { root, fingerprint, sentAs } = image;
    this.options.register.place(fingerprint, { ref: reservation.ref, file: root.name }, sentAs);
    await this.discard(image);
    log('info', 'placed an uploaded image', {
      fingerprint: image.fingerprint,
      product: productName(product),
      version: reservation.ref.version,
    });
    return reservation.ref;
  }

  private forget(fingerprint: Sha256): void {
    clearTimeout(this.timers.get(fingerprint));
    this.timers.delete(fingerprint);
    this.images.delete(fingerprint);
    this.options.register.unstage(fingerprint);
  }

  private async readRecord(key: string): Promise<StagedImage | undefined> {
    try {
      const bytes = await readBytes(this.options.store, key, { limit: RECORD_LIMIT });
      return parseStagedImage(bytes.toString('utf8'));
    } catch (error) {
      if (isStoreError(error, 'not_found')) return undefined;
      throw error;
    }
  }
}
