import type { Sha256 } from '../images/digests.ts';
import {
  FILE_NAMES,
  fileKind,
  METADATA_FILES,
  UNIFIED_FILES,
  type Client,
  type MetadataFile,
} from '../images/file-kinds.ts';
import type { FileEntry, Version as WholeVersion } from './document.ts';
import { isWithdrawn } from './removal.ts';

const ROOT_FILES = FILE_NAMES.filter((name) => fileKind(name)?.kind === 'root');

/** What of a version decides its images. */
type Version = Pick<WholeVersion, 'files' | 'removal' | 'held'>;

/** One image as one client would see it: what a fingerprint names. */
export interface Candidate {
  readonly client: Client;
  /** The root, or the unified file. */
  readonly file: string;
  /** The metadata that goes with a root; absent for a unified file, which holds its own. */
  readonly metadataFile?: MetadataFile;
  /** sha256(metadata ‖ root), or the unified file's own. */
  readonly fingerprint: Sha256;
  readonly type: 'container' | 'virtual-machine';
}

/**
 * The images that a version's files make, by their bytes alone: neither its state nor what is withheld is
 * looked at. In order of `clients`, then of FILE_NAMES.
 *
 * - A client gets its own metadata file, or the other's where that is the only one with a root to it.
 * - Of two roots of one ftype the first in FILE_NAMES counts: clients take every item of an ftype for a
 *   root of its own, with one and the same fingerprint.
 * - A unified file counts only where no split image is: clients would order the two at random.
 */
export function candidatesOf(version: Version, clients: readonly Client[]): readonly Candidate[] {
  const roots = chosenRoots(version);
  const split = clients.flatMap((client) => splitImages(version, client, roots));
  return split.length > 0 ? split : clients.flatMap((client) => unifiedImage(version, client));
}

function splitImages(version: Version, client: Client, roots: readonly string[]): Candidate[] {
  for (const metadataFile of preferred(METADATA_FILES, client)) {
    const images = roots.flatMap((file): Candidate[] => {
      const kind = fileKind(file);
      const fingerprint = combinedOf(version, file, metadataFile);
      if (kind?.kind !== 'root' || fingerprint === undefined) return [];
      return [{ client, file, metadataFile, fingerprint, type: kind.type }];
    });
    if (images.length > 0) return images;
  }
  return [];
}

function unifiedImage(version: Version, client: Client): Candidate[] {
  for (const file of preferred(UNIFIED_FILES, client)) {
    const fingerprint = readyFile(version, file)?.sha256;
    // What is in it is not known; LXD takes every unified image for a container.
    if (fingerprint !== undefined) return [{ client, file, fingerprint, type: 'container' }];
  }
  return [];
}

/** For each ftype the first root that is an image with some metadata. */
function chosenRoots(version: Version): readonly string[] {
  const ftypes = new Set<string>();
  return ROOT_FILES.filter((file) => {
    if (version.files[file] === undefined) return false;
    const kind = fileKind(file);
    if (kind?.kind !== 'root' || ftypes.has(kind.ftype)) return false;
    if (METADATA_FILES.every((name) => combinedOf(version, file, name) === undefined)) return false;
    ftypes.add(kind.ftype);
    return true;
  });
}

/** sha256(metadata ‖ root) of the two files as they are now, where it is known. */
function combinedOf(version: Version, root: string, metadata: MetadataFile): Sha256 | undefined {
  const combined = readyFile(version, root)?.combined?.[metadata];
  const etag = readyFile(version, metadata)?.etag;
  return combined?.metadataEtag === etag ? combined?.sha256 : undefined;
}

type ReadyFile = FileEntry & { readonly sha256: Sha256 };

/** A file that may be named: it has bytes, they were read, and it is neither withdrawn nor held. */
function readyFile(version: Version, name: string): ReadyFile | undefined {
  const entry = version.files[name];
  if (entry === undefined || entry.size === 0) return undefined;
  if (isWithdrawn(version.removal, name, entry)) return undefined;
  const held = version.held?.[name];
  if (held !== undefined && held.etag !== entry.etag) return undefined;
  return hasDigest(entry) ? entry : undefined;
}

function hasDigest(entry: FileEntry): entry is ReadyFile {
  return entry.sha256 !== undefined;
}

/** The client's own file first. */
function preferred<File extends string>(files: readonly File[], client: Client): readonly File[] {
  return files.toSorted((a, b) => Number(b.startsWith(client)) - Number(a.startsWith(client)));
}
