import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';

import type { Chunks } from '../bytes/borrowed-chunks.ts';
import { IMAGES_CACHE_CONTROL, IMAGES_CONTENT_TYPE } from '../facts/delivery-policy.ts';
import {
  fileKey,
  IMAGES_PREFIX,
  productPrefix,
  REMOVED_FILE,
  versionPrefix,
  type ProductRef,
  type VersionRef,
} from '../images/layout.ts';
import { isStoreError } from '../storage/errors.ts';
import type {
  CopySource,
  ObjectInfo,
  ObjectStore,
  UploadOptions,
  WriteCondition,
} from '../storage/object-store.ts';
import { RESERVATIONS_PREFIX } from './uploads-prefix.ts';

/** A version cannot accept the files. `message` is complete for a person. */
export class PlacementError extends Error {
  override readonly name = 'PlacementError';
}

const MAX_NAMES = 999;
const HEADERS = { contentType: IMAGES_CONTENT_TYPE, cacheControl: IMAGES_CACHE_CONTROL };

export interface StoreFileOptions extends Pick<
  UploadOptions,
  'onProgress' | 'signal' | 'size' | 'sizeLimit'
> {
  /** The object to replace, in exactly this state. Without it the file must be absent. */
  readonly replace?: ObjectInfo;
}

/**
 * A version that receives files. It creates files only, except with `replace`. `abandon` deletes the created
 * files.
 */
export class VersionReservation {
  readonly ref: VersionRef;
  /** The files that were there before, by name. */
  readonly existing: ReadonlyMap<string, ObjectInfo>;
  private readonly store: ObjectStore;
  private readonly marker: ObjectInfo | undefined;
  private readonly created: ObjectInfo[] = [];

  constructor(
    store: ObjectStore,
    ref: VersionRef,
    existing: ReadonlyMap<string, ObjectInfo>,
    marker?: ObjectInfo,
  ) {
    this.store = store;
    this.ref = ref;
    this.existing = existing;
    this.marker = marker;
  }

  /** Stores one complete file. PlacementError when the file exists already, or changed in the meantime. */
  async put(
    file: string,
    body: Readable | Chunks,
    { replace, ...options }: StoreFileOptions = {},
  ): Promise<ObjectInfo> {
    const key = fileKey(this.ref, file);
    const condition: WriteCondition = replace ? { ifMatch: replace.etag } : { ifAbsent: true };
    try {
      const info = await this.store.upload(key, body, {
        condition,
        ...HEADERS,
        ...options,
      });
      if (!replace) this.created.push(info);
      return info;
    } catch (error) {
      if (!isStoreError(error, 'precondition_failed', 'conflict')) throw error;
      throw new PlacementError(
        `${key} in ${this.store.url} was written by someone else in the meantime; look with \`bucketstreams list --all\` and publish again`,
        { cause: error },
      );
    }
  }

  /** Stores one small file. */
  async putBytes(
    file: string,
    bytes: Uint8Array,
    options: StoreFileOptions = {},
  ): Promise<ObjectInfo> {
    return this.put(file, Readable.from([bytes], { objectMode: false }), options);
  }

  /** Stores a copy of an object of any store. Where possible, the store copies it without a download. */
  async copy(
    file: string,
    source: CopySource,
    options: Pick<StoreFileOptions, 'signal'> = {},
  ): Promise<ObjectInfo> {
    const key = fileKey(this.ref, file);
    try {
      const info = await this.store.copy(source, key, {
        condition: { ifAbsent: true },
        ...HEADERS,
        ...options,
      });
      this.created.push(info);
      return info;
    } catch (error) {
      if (!isStoreError(error, 'unsupported')) throw error;
    }
    const { stream } = await source.store.read(source.key, { ifMatch: source.etag });
    return this.put(file, stream, options);
  }

  /** Ends the reservation; the upload is complete. */
  async finish(): Promise<void> {
    await this.release();
  }

  /**
   * Deletes the created files, the last one first. Skips files that another program has changed, then ends the
   * reservation.
   */
  async abandon(): Promise<void> {
    for (const info of this.created.toReversed()) await removeQuietly(this.store, info);
    await this.release();
  }

  private async release(): Promise<void> {
    if (this.marker) await removeQuietly(this.store, this.marker);
  }
}

/** Opens a version by its name, with or without files. PlacementError when it was removed. */
export async function openVersion(
  store: ObjectStore,
  ref: VersionRef,
): Promise<VersionReservation> {
  const existing = await filesOf(store, ref);
  if (existing.has(REMOVED_FILE)) {
    throw new PlacementError(
      `the version ${ref.version} of ${versionPrefix(ref)} was removed; publish under another version`,
    );
  }
  return new VersionReservation(store, ref, existing);
}

/** Reserves a new version without files, named after the stamp. */
export async function reserveVersion(
  store: ObjectStore,
  product: ProductRef,
  stamp: string,
): Promise<VersionReservation> {
  for await (const version of freeVersions(store, product, stamp)) {
    const ref = { product, version };
    const marker = await writeMarker(store, ref);
    if (marker === undefined) continue;
    // Listed only after reserving: an earlier holder of the reservation may have stored files.
    const existing = await filesOf(store, ref);
    if (existing.size === 0) return new VersionReservation(store, ref, existing, marker);
    await removeQuietly(store, marker);
  }
  throw new PlacementError(`${stamp} and all names after it are taken; give --version`);
}

async function writeMarker(store: ObjectStore, ref: VersionRef): Promise<ObjectInfo | undefined> {
  const key = RESERVATIONS_PREFIX + versionPrefix(ref).slice(IMAGES_PREFIX.length, -1);
  const body = Buffer.from(`an upload is on its way: ${randomUUID()}\n`);
  try {
    return await store.write(key, body, { condition: { ifAbsent: true } });
  } catch (error) {
    if (isStoreError(error, 'precondition_failed', 'conflict')) return undefined;
    throw error;
  }
}

/**
 * Yields names for a version of one minute that had no files at the start: `stamp`, then `stamp-2` to `stamp-9`,
 * `stamp-9-10` to `stamp-9-99`, `stamp-9-99-100` …. Versions are ordered as text, and the last one created must be
 * the newest.
 */
async function* freeVersions(
  store: ObjectStore,
  product: ProductRef,
  stamp: string,
): AsyncGenerator<string, void, undefined> {
  const prefix = productPrefix(product);
  const taken = new Set<string>();
  for await (const { key } of store.list(`${prefix}${stamp}`)) {
    taken.add(key.slice(prefix.length).split('/')[0] ?? '');
  }
  for (let number = 1; number <= MAX_NAMES; number++) {
    const version = `${stamp}${suffix(number)}`;
    if (!taken.has(version)) yield version;
  }
}

/** Returns a suffix that ends with the number and sorts as text in the order of the numbers. */
function suffix(number: number): string {
  if (number === 1) return '';
  const digits = String(number).length;
  const before = Array.from({ length: digits - 1 }, (_, n) => '9'.repeat(n + 1));
  return ['', ...before, String(number)].join('-');
}

/** Returns the version name for an upload at `now` (milliseconds since 1970): UTC, `YYYYMMDD_HHMM`. */
export function versionStamp(now: number): string {
  const [date = '', time = ''] = new Date(now).toISOString().split('T');
  return `${date.replaceAll('-', '')}_${time.slice(0, 5).replace(':', '')}`;
}

async function filesOf(store: ObjectStore, ref: VersionRef): Promise<Map<string, ObjectInfo>> {
  const prefix = versionPrefix(ref);
  const files = new Map<string, ObjectInfo>();
  for await (const info of store.list(prefix)) files.set(info.key.slice(prefix.length), info);
  return files;
}

async function removeQuietly(store: ObjectStore, { key, etag }: ObjectInfo): Promise<void> {
  try {
    await store.remove(key, { ifMatch: etag });
  } catch (error) {
    // Already deleted, or changed by another program: then it must not be deleted.
    if (!isStoreError(error, 'not_found', 'precondition_failed', 'conflict')) throw error;
  }
}
