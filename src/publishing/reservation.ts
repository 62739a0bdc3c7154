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

/** A version cannot take the files. `message` is complete for a person. */
export class PlacementError extends Error {
  override readonly name = 'PlacementError';
}

const MAX_NAMES = 999;
const HEADERS = { contentType: IMAGES_CONTENT_TYPE, cacheControl: IMAGES_CACHE_CONTROL };

export interface StoreFileOptions extends Pick<
  UploadOptions,
  'onProgress' | 'signal' | 'size' | 'sizeLimit'
> {
  /** Replace the object that is in this state; without it the file must be absent. */
  readonly replace?: ObjectInfo;
}

/**
 * One version that files are being put into. Everything is create-only unless told otherwise, and what
 * was created here goes away again by `abandon`.
 */
export class VersionReservation {
  readonly ref: VersionRef;
  /** By file name: what was there before. */
  readonly existing: ReadonlyMap<string, ObjectInfo>;
  private readonly store: ObjectStore;
  private readonly claim: ObjectInfo | undefined;
  private readonly created: ObjectInfo[] = [];

  constructor(
    store: ObjectStore,
    ref: VersionRef,
    existing: ReadonlyMap<string, ObjectInfo>,
    claim?: ObjectInfo,
  ) {
    this.store = store;
    this.ref = ref;
    this.existing = existing;
    this.claim = claim;
  }

  /** Stores one file whole. PlacementError when it is there already, or changed meanwhile. */
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

  /** Stores one small file whole. */
  async putBytes(
    file: string,
    bytes: Uint8Array,
    options: StoreFileOptions = {},
  ): Promise<ObjectInfo> {
    return this.put(file, Readable.from([bytes], { objectMode: false }), options);
  }

  /** Stores a copy of an object that is in a store already, without moving its bytes where that can be. */
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

  /** The upload is whole. */
  async finish(): Promise<void> {
    await this.release();
  }

  /** Takes away what `put` created, the last first, as long as nobody else has changed it. */
  async abandon(): Promise<void> {
    for (const info of this.created.toReversed()) await removeQuietly(this.store, info);
    await this.release();
  }

  private async release(): Promise<void> {
    if (this.claim) await removeQuietly(this.store, this.claim);
  }
}

/** Opens a version by its name, whatever is in it. PlacementError when it was removed. */
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

/** Claims a version that nothing is in yet, named after the stamp. */
export async function reserveVersion(
  store: ObjectStore,
  product: ProductRef,
  stamp: string,
): Promise<VersionReservation> {
  for await (const version of freeVersions(store, product, stamp)) {
    const ref = { product, version };
    const claim = await reservationKey(store, ref);
    if (claim === undefined) continue;
    // Looked at only now: whoever had the claim before may have filled it.
    const existing = await filesOf(store, ref);
    if (existing.size === 0) return new VersionReservation(store, ref, existing, claim);
    await removeQuietly(store, claim);
  }
  throw new PlacementError(`${stamp} and all names after it are taken; give --version`);
}

async function reservationKey(
  store: ObjectStore,
  ref: VersionRef,
): Promise<ObjectInfo | undefined> {
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
 * Names for a version of one minute that nothing was in when this began: `stamp`, then `stamp-2` to `stamp-9`,
 * `stamp-9-10` to `stamp-9-99`, `stamp-9-99-100` …: versions order as text, and the last that came has to be
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

/** Orders as text as its number does, which it ends with. */
function suffix(number: number): string {
  if (number === 1) return '';
  const digits = String(number).length;
  const before = Array.from({ length: digits - 1 }, (_, n) => '9'.repeat(n + 1));
  return ['', ...before, String(number)].join('-');
}

/** The version for an upload at `now` (milliseconds since 1970): UTC, `YYYYMMDD_HHMM`. */
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
    // Gone, or another's by now: then it is not ours to take away.
    if (!isStoreError(error, 'not_found', 'precondition_failed', 'conflict')) throw error;
  }
}
