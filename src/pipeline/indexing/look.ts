import { parseChecksums } from '../../catalog/checksums.ts';
import type { Checksums, Product, ProductFile, Removal, Version } from '../../catalog/document.ts';
import type { SeenFile, VersionLook } from '../../catalog/merge.ts';
import { parseProductFile } from '../../catalog/product-file.ts';
import { parseRemoval, REMOVAL_LIMIT } from '../../catalog/removal.ts';
import { fileKind } from '../../images/file-kinds.ts';
import {
  parseImageKey,
  productFileKey,
  versionPrefix,
  type ProductRef,
  type VersionRef,
} from '../../images/layout.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ObjectInfo, ObjectStore } from '../../storage/object-store.ts';
import { readBytes } from '../read-bytes.ts';

/** The largest size of the small files beside images, in bytes. */
const SMALL_FILE_LIMIT = 256 * 1024;

/** The result of a look, or the milliseconds for which another program may still be writing the files. */
export type Looked<T> =
  | { readonly kind: 'seen'; readonly look: T }
  | { readonly kind: 'unsettled'; readonly forMs: number };

/** Looks at a version: one listing, and the small files that changed since `before`. */
export async function lookAtVersion(
  store: ObjectStore,
  ref: VersionRef,
  before: Version | undefined,
): Promise<Looked<VersionLook>> {
  const prefix = versionPrefix(ref);
  const files: Record<string, SeenFile> = {};
  let checksums: ObjectInfo | undefined;
  let removal: ObjectInfo | undefined;
  let unsettledFor = 0;
  // Files in folders below the version's own do not belong to it, so those folders may deny access.
  for await (const info of store.list(prefix, { onDenied: () => undefined })) {
    const name = info.key.slice(prefix.length);
    const kind = fileKind(name)?.kind;
    // Takes only files that a scan takes for the version's. Otherwise a look and a scan would never agree.
    if (kind === undefined || parseImageKey(info.key).kind !== 'file') continue;
    unsettledFor = Math.max(unsettledFor, info.unsettledFor ?? 0);
    if (kind === 'checksums') checksums = info;
    else if (kind === 'removed') removal = info;
    else files[name] = seen(info);
  }
  if (unsettledFor > 0) return { kind: 'unsettled', forMs: unsettledFor };
  const [readChecksums, readRemoval] = await Promise.all([
    checksums && lookAtChecksums(store, checksums, before?.checksums),
    removal && lookAtRemoval(store, removal, before?.removal),
  ]);
  const changed = (checksums && !readChecksums) || (removal && !readRemoval);
  if (changed) return { kind: 'unsettled', forMs: 0 };
  return {
    kind: 'seen',
    look: {
      files,
      ...(readChecksums === undefined ? {} : { checksums: readChecksums }),
      ...(readRemoval === undefined ? {} : { removal: readRemoval }),
    },
  };
}

/** Looks at a product's own file. `look` is undefined when there is none. */
export async function lookAtProductFile(
  store: ObjectStore,
  ref: ProductRef,
  before: Product | undefined,
): Promise<Looked<ProductFile | undefined>> {
  const info = await store.stat(productFileKey(ref));
  if (info === undefined) return { kind: 'seen', look: undefined };
  if (info.unsettledFor !== undefined) return { kind: 'unsettled', forMs: info.unsettledFor };
  if (before?.file?.etag === info.etag && !before.file.denied) {
    return { kind: 'seen', look: before.file };
  }
  const lastGood = before?.file?.values ?? { aliases: [], requirements: {} };
  const text = await smallText(store, info);
  if (text === undefined) return { kind: 'unsettled', forMs: 0 };
  const parsed = 'problem' in text ? text : parseProductFile(text.text);
  const { etag } = info;
  const look = 'problem' in parsed ? { etag, ...parsed, values: lastGood } : { etag, ...parsed };
  return { kind: 'seen', look };
}

async function lookAtChecksums(
  store: ObjectStore,
  info: ObjectInfo,
  before: Checksums | undefined,
): Promise<VersionLook['checksums']> {
  const { etag, lastModified } = info;
  if (before?.etag === etag && !before.denied) return { ...before, lastModified };
  const text = await smallText(store, info);
  if (text === undefined) return undefined;
  const parsed = 'problem' in text ? text : parseChecksums(text.text);
  return 'problem' in parsed
    ? { etag, lastModified, sums: {}, ...parsed }
    : { etag, lastModified, sums: recognised(parsed.sums) };
}

async function lookAtRemoval(
  store: ObjectStore,
  info: ObjectInfo,
  before: Removal | undefined,
): Promise<VersionLook['removal']> {
  if (before?.etag === info.etag && !before.denied) {
    const { condemned: _, unnamedAt: __, ...same } = before;
    return same;
  }
  const text = await smallText(store, info, REMOVAL_LIMIT);
  if (text === undefined) return undefined;
  const parsed = 'problem' in text ? text : parseRemoval(text.text);
  return 'problem' in parsed
    ? { etag: info.etag, files: {}, ...parsed }
    : {
        etag: info.etag,
        files: recognised(parsed.files),
        ...(parsed.times && { times: recognised(parsed.times) }),
      };
}

/** Keeps the names of files that a version can have. An uploader wrote the names. */
function recognised<T>(names: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(names).filter(([name]) => (fileKind(name)?.kind ?? 'removed') !== 'removed'),
  );
}

/** The reason why a small file cannot be used. */
interface Unusable {
  readonly problem: string;
  /** The store denied access. It is tried again although the file stays the same. */
  readonly denied?: true;
}

/** Returns the text of a small file in the state seen; undefined when it was deleted or changed since. */
async function smallText(
  store: ObjectStore,
  { key, etag, size }: ObjectInfo,
  limit = SMALL_FILE_LIMIT,
): Promise<{ readonly text: string } | Unusable | undefined> {
  if (size > limit) return { problem: `it is larger than ${limit} bytes` };
  try {
    const bytes = await readBytes(store, key, { ifMatch: etag, limit });
    return { text: bytes.toString('utf8') };
  } catch (error) {
    if (isStoreError(error, 'not_found', 'precondition_failed')) return undefined;
    if (isStoreError(error, 'access_denied')) return { problem: error.message, denied: true };
    throw error;
  }
}

function seen({ etag, size, lastModified }: ObjectInfo): SeenFile {
  // A directory may have times before 1970 or between milliseconds, and times and sizes that a double cannot
  // represent. One such number would make the catalog unreadable.
  return { etag, size: whole(size), lastModified: whole(lastModified) };
}

function whole(value: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.trunc(value) || 0));
}
