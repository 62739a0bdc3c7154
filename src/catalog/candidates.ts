import type { Sha256 } from '../images/digests.ts';
import {
  CLIENTS,
  imageType,
  METADATA_FILE,
  METADATA_FILES,
  ROOT_FILES,
  rootKind,
  UNIFIED_FILE,
  UNIFIED_FILES,
  type Client,
  type ImageType,
  type MetadataFile,
} from '../images/file-kinds.ts';
import type { FileEntry, Version as WholeVersion } from './document.ts';
import { isWithdrawn } from './removal.ts';

/** The part of a version that decides its images. */
type Version = Pick<WholeVersion, 'files' | 'removal' | 'embargoed'>;
type Files = Version['files'];

/** One image that files make for one client, after their bytes are read. */
export interface PossibleImage {
  readonly client: Client;
  /** The root, or the unified file. */
  readonly file: string;
  /** The metadata file of a root; absent for a unified file, which contains its own metadata. */
  readonly metadataFile?: MetadataFile;
  readonly type: ImageType;
  /** The client's identifier of the image: sha256(metadata ‖ root), or the unified file's own sha256. */
  readonly fingerprint?: Sha256;
}

/** One image whose bytes were read, so that its files may be named. */
export interface Candidate extends PossibleImage {
  readonly fingerprint: Sha256;
}

/** Returns the known properties of an image of these files; undefined when they make no image. */
type Makes<Known> = (file: string, metadataFile?: MetadataFile) => Known | undefined;

/** The client's own file is the first. */
const METADATA_BY_CLIENT = byClient(METADATA_FILE, METADATA_FILES);
const UNIFIED_BY_CLIENT = byClient(UNIFIED_FILE, UNIFIED_FILES);

/**
 * Returns the images that can be listed. Only the bytes of the files count, not the version's state or its
 * withheld images. A file that is empty, unread, withdrawn or embargoed makes no image.
 */
export function candidatesOf(version: Version, clients: readonly Client[]): readonly Candidate[] {
  return imagesOf(version.files, clients, (file, metadataFile) => {
    const entry = readyFile(version, file);
    if (metadataFile === undefined) return entry && { fingerprint: entry.sha256 };
    const fingerprint = readyFile(version, metadataFile) && combinedOf(version, file, metadataFile);
    return entry && fingerprint && { fingerprint };
  });
}

/** Returns the images that files make, read or not. An empty file makes no image. */
export function possibleImages(
  files: Files,
  clients: readonly Client[] = CLIENTS,
): readonly PossibleImage[] {
  const hasBytes = (name: string) => (files[name]?.size ?? 0) > 0;
  return imagesOf(files, clients, (file, metadataFile) => {
    if (!hasBytes(file)) return undefined;
    if (metadataFile === undefined) return { fingerprint: files[file]?.sha256 };
    if (!hasBytes(metadataFile)) return undefined;
    return { fingerprint: combinedOf({ files }, file, metadataFile) };
  });
}

/**
 * Applies the one rule for which images files make. The result is in the order of `clients`, then of the
 * table of file kinds.
 *
 * - A client gets its own metadata file. It gets the other client's file when only that file has a root.
 * - When two roots have the same ftype, the first in the table counts. Clients treat every item of an ftype
 *   as a separate root, and all of them get the same fingerprint.
 * - A unified file counts only when there is no split image: clients order the two images of one version at
 *   random (shared/simplestreams/sort.go).
 */
function imagesOf<Known extends object>(
  files: Files,
  clients: readonly Client[],
  makes: Makes<Known>,
): (Omit<PossibleImage, 'fingerprint'> & Known)[] {
  const roots = chosenRoots(files, makes);
  const splitImages = (client: Client, metadataFile: MetadataFile) =>
    roots.flatMap((file) => {
      const known = makes(file, metadataFile);
      return known ? [{ client, file, metadataFile, type: imageType(file), ...known }] : [];
    });
  const unifiedImages = (client: Client, file: string) => {
    const known = makes(file);
    return known ? [{ client, file, type: imageType(file), ...known }] : [];
  };
  const split = clients.flatMap((client) =>
    firstOf(METADATA_BY_CLIENT[client], (file) => splitImages(client, file)),
  );
  if (split.length > 0) return split;
  return clients.flatMap((client) =>
    firstOf(UNIFIED_BY_CLIENT[client], (file) => unifiedImages(client, file)),
  );
}

/** Returns for each ftype the first root that makes an image with some metadata. */
function chosenRoots(files: Files, makes: Makes<object>): readonly string[] {
  const ftypes = new Set<string>();
  return ROOT_FILES.filter((file) => {
    const ftype = files[file] && rootKind(file)?.ftype;
    if (ftype === undefined || ftypes.has(ftype)) return false;
    if (!METADATA_FILES.some((metadataFile) => makes(file, metadataFile))) return false;
    ftypes.add(ftype);
    return true;
  });
}

/** Returns the images of the first file that makes any. */
function firstOf<File, Image>(
  files: readonly File[],
  imagesWith: (file: File) => readonly Image[],
): readonly Image[] {
  for (const file of files) {
    const images = imagesWith(file);
    if (images.length > 0) return images;
  }
  return [];
}

/** Returns sha256(metadata ‖ root) of the two files in their present state, when it is known. */
function combinedOf(
  { files }: Pick<Version, 'files'>,
  root: string,
  metadata: MetadataFile,
): Sha256 | undefined {
  const combined = files[root]?.combined?.[metadata];
  return combined?.metadataEtag === files[metadata]?.etag ? combined?.sha256 : undefined;
}

type ReadyFile = FileEntry & { readonly sha256: Sha256 };

/**
 * Returns a file that may be named: it has bytes, they were read, and it is neither withdrawn nor embargoed.
 */
function readyFile(version: Version, name: string): ReadyFile | undefined {
  const entry = version.files[name];
  if (entry === undefined || entry.size === 0) return undefined;
  if (isWithdrawn(version.removal, name, entry)) return undefined;
  const embargo = version.embargoed?.[name];
  if (embargo !== undefined && embargo.etag !== entry.etag) return undefined;
  return hasDigest(entry) ? entry : undefined;
}

function hasDigest(entry: FileEntry): entry is ReadyFile {
  return entry.sha256 !== undefined;
}

function byClient<File>(
  own: Readonly<Record<Client, File>>,
  all: readonly File[],
): Readonly<Record<Client, readonly File[]>> {
  const preferred = (client: Client) => [
    own[client],
    ...all.filter((file) => file !== own[client]),
  ];
  return { lxd: preferred('lxd'), incus: preferred('incus') };
}
