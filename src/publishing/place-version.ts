import { createHash, type Hash } from 'node:crypto';

import { parseSha256, type Sha256 } from '../images/digests.ts';
import { fileKind, METADATA_FILES, UNIFIED_FILES } from '../images/file-kinds.ts';
import { versionProblem, type ProductRef, type VersionRef } from '../images/layout.ts';
import type { ObjectInfo, ObjectStore } from '../storage/object-store.ts';
import { eachChunk, hashed, wholeBody, type Chunks } from '../bytes/borrowed-chunks.ts';
import { abandoned } from './abandon.ts';
import type { RecognisedFile } from './recognise.ts';
import { METADATA_SIZE_LIMIT } from '../archives/image-archive.ts';
import {
  reserveVersion,
  openVersion,
  PlacementError,
  versionStamp,
  type VersionReservation,
} from './reservation.ts';

export interface PlaceOptions {
  readonly product: ProductRef;
  /** Default: the minute of `now`, in a new version. */
  readonly version?: string;
  readonly files: readonly RecognisedFile[];
  /** Replace existing files. */
  readonly force?: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Called with the bytes stored so far, over all files, and the current file's name. */
  readonly onProgress?: (bytes: number, file: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface PlacedVersion {
  readonly ref: VersionRef;
  /** `stored`: new objects, in order. `kept`: names of files that were already there with the same bytes. */
  readonly stored: readonly ObjectInfo[];
  readonly kept: readonly string[];
  /** The fingerprints of the images of these files, by the name of the root or unified file. */
  readonly fingerprints: Readonly<Record<string, Sha256>>;
  /** The reason why clients cannot use the version yet, although its files are stored. */
  readonly incomplete?: string;
}

/**
 * Stores the files of one version: checksums first, then roots, and last the files that make images visible. At
 * the end either all new files are stored, or none. Rejects with PlacementError, StoreError or the signal's
 * reason. Rejects with LeftBehindError when the signal aborted and not every file could be deleted.
 */
export async function placeVersion(
  store: ObjectStore,
  options: PlaceOptions,
): Promise<PlacedVersion> {
  const { product, version, files } = options;
  const problem = version === undefined ? undefined : versionProblem(version);
  if (problem !== undefined) throw new PlacementError(problem);
  const given = files.map((file) => file.name);
  if (version === undefined) {
    const missing = missingParts(given);
    if (missing !== undefined) {
      throw new PlacementError(
        `${missing}; add it to the same command, or name with --version the version these belong to`,
      );
    }
  }
  const reservation =
    version === undefined
      ? await reserveVersion(store, product, versionStamp(options.now))
      : await openVersion(store, { product, version });
  try {
    const placed = await fill(store, reservation, options);
    await reservation.finish();
    return placed;
  } catch (error) {
    return abandoned(reservation, error, options.signal);
  }
}

async function fill(
  store: ObjectStore,
  reservation: VersionReservation,
  { files, force = false, onProgress, signal }: PlaceOptions,
): Promise<PlacedVersion> {
  const kept = await checkExisting(store, reservation, files, { force, signal });
  const metadata = await metadataBytes(store, reservation, files);
  const stored: ObjectInfo[] = [];
  const fingerprints: Record<string, Sha256> = {};
  let done = 0;
  for (const file of files.toSorted((a, b) => ORDER[a.kind] - ORDER[b.kind])) {
    const hash = fingerprintHash(file, metadata);
    if (kept.includes(file.name)) {
      const body = file.open(signal);
      await update(hash ?? createHash('sha256'), body);
    } else {
      // The store stops reading when the signal aborts.
      const body = file.open();
      const replace = reservation.existing.get(file.name);
      const before = done;
      stored.push(
        await reservation.put(file.name, hash ? hashed(body, hash) : body, {
          ...(replace && { replace }),
          ...(signal && { signal }),
          size: file.size,
          onProgress: (bytes) => onProgress?.(before + bytes, file.name),
        }),
      );
    }
    done += file.size;
    onProgress?.(done, file.name);
    const sha256 = hash && parseSha256(hash.digest('hex'));
    if (sha256) fingerprints[file.name] = sha256;
  }
  const incomplete = missingParts([
    ...reservation.existing.keys(),
    ...files.map((file) => file.name),
  ]);
  return { ref: reservation.ref, stored, kept, fingerprints, ...(incomplete && { incomplete }) };
}

/** Checksums are stored first, and the files that make a version visible last. */
const ORDER: Readonly<Record<RecognisedFile['kind'], number>> = {
  checksums: 0,
  root: 1,
  unified: 2,
  metadata: 3,
};

/**
 * Checks existing files before anything is stored: they must have the same bytes, or `force` must allow to replace
 * them.
 */
async function checkExisting(
  store: ObjectStore,
  reservation: VersionReservation,
  files: readonly RecognisedFile[],
  { force, signal }: { readonly force: boolean; readonly signal: AbortSignal | undefined },
): Promise<string[]> {
  const kept: string[] = [];
  for (const file of files) {
    const existing = reservation.existing.get(file.name);
    if (existing === undefined) continue;
    if (await sameBytes(store, existing, file, signal)) kept.push(file.name);
    else if (!force) {
      throw new PlacementError(
        `${existing.key} is in ${store.url} already, with other bytes than ${file.path}; publish under another version, or replace it with --force`,
      );
    }
  }
  return kept;
}

async function sameBytes(
  store: ObjectStore,
  existing: ObjectInfo,
  file: RecognisedFile,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (existing.size !== file.size) return false;
  const pinned = { ifMatch: existing.etag, ...(signal && { signal }) };
  const { stream } = await store.read(existing.key, pinned);
  const theirs = await update(createHash('sha256'), stream);
  const ours = await update(createHash('sha256'), file.open(signal));
  return theirs.digest('hex') === ours.digest('hex');
}

/** Returns the metadata at the start of the roots' fingerprints: the file that LXD prefers. */
async function metadataBytes(
  store: ObjectStore,
  reservation: VersionReservation,
  files: readonly RecognisedFile[],
): Promise<Uint8Array | undefined> {
  for (const name of METADATA_FILES) {
    const file = files.find((candidate) => candidate.name === name);
    const existing = reservation.existing.get(name);
    const size = file?.size ?? existing?.size;
    if (size === undefined) continue;
    if (size > METADATA_SIZE_LIMIT) {
      throw new PlacementError(
        `${file?.path ?? name} is larger than ${METADATA_SIZE_LIMIT} bytes; an image's metadata is a few kilobytes`,
      );
    }
    if (file) return wholeBody(file.open(), METADATA_SIZE_LIMIT);
    if (!existing) continue;
    const { stream } = await store.read(existing.key, { ifMatch: existing.etag });
    return wholeBody(stream, METADATA_SIZE_LIMIT);
  }
  return undefined;
}

function fingerprintHash(file: RecognisedFile, metadata: Uint8Array | undefined): Hash | undefined {
  if (file.kind === 'unified') return createHash('sha256');
  if (file.kind === 'root' && metadata) return createHash('sha256').update(metadata);
  return undefined;
}

async function update(hash: Hash, body: Chunks): Promise<Hash> {
  await eachChunk(body, (chunk) => hash.update(chunk));
  return hash;
}

function missingParts(names: readonly string[]): string | undefined {
  const has = (list: readonly string[]) => names.some((name) => list.includes(name));
  if (has(UNIFIED_FILES)) return undefined;
  const roots = names.some((name) => fileKind(name)?.kind === 'root');
  if (!has(METADATA_FILES))
    return `there is no metadata (a tar with a metadata.yaml) ${roots ? 'beside the root' : ''}`.trim();
  return roots ? undefined : 'there is no root file system beside the metadata';
}
