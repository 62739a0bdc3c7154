import type { Sha256 } from '../images/digests.ts';
import {
  CLIENTS,
  FILE_NAMES,
  METADATA_FILES,
  UNIFIED_FILES,
  fileKind,
  type Client,
  type MetadataFile,
} from '../images/file-kinds.ts';
import type { FileEntry, Version } from './document.ts';

/** One image that a client would see in a version. */
export interface VersionImage {
  readonly client: Client;
  /** The root, or the unified file. */
  readonly file: string;
  /** What is listed beside a root; absent for a unified file. */
  readonly metadataFile?: MetadataFile;
  /** What the client calls the image; absent until its bytes were read. */
  readonly fingerprint?: Sha256;
}

type Files = Version['files'];

/**
 * The images that a version's files make, whatever the version's state, in the order of the file table.
 * When both clients' metadata is there each serves its own client, one alone serves both. A unified file
 * counts only where there is no split image: clients order the two in one version at random
 * (shared/simplestreams/sort.go). Of two files of one ftype the first of the table counts. Empty files
 * are no images.
 */
export function imagesOf(files: Files, clients: readonly Client[] = CLIENTS): VersionImage[] {
  const split = clients.flatMap((client) => splitImages(files, client));
  return split.length > 0 ? split : clients.flatMap((client) => unifiedImages(files, client));
}

/** The roots that are listed: with bytes, one for each ftype. */
export function rootsOf(files: Files): string[] {
  const taken = new Set<string>();
  return FILE_NAMES.filter((name) => {
    const kind = fileKind(name);
    if (kind?.kind !== 'root' || !hasBytes(files, name) || taken.has(kind.ftype)) return false;
    taken.add(kind.ftype);
    return true;
  });
}

/** The metadata file that serves a client; undefined when there is none. */
export function metadataFor(files: Files, client: Client): MetadataFile | undefined {
  const own: MetadataFile = client === 'lxd' ? 'lxd.tar.xz' : 'incus.tar.xz';
  return [own, ...METADATA_FILES].find((name) => hasBytes(files, name));
}

function splitImages(files: Files, client: Client): VersionImage[] {
  const metadataFile = metadataFor(files, client);
  if (metadataFile === undefined) return [];
  return rootsOf(files).map((file) => {
    const combined = files[file]?.combined?.[metadataFile];
    const current = combined?.metadataEtag === files[metadataFile]?.etag;
    return { client, file, metadataFile, fingerprint: current ? combined?.sha256 : undefined };
  });
}

function unifiedImages(files: Files, client: Client): VersionImage[] {
  const own = client === 'lxd' ? 'lxd_combined.tar.gz' : 'incus_combined.tar.gz';
  const file = [own, ...UNIFIED_FILES].find((name) => hasBytes(files, name));
  return file === undefined ? [] : [{ client, file, fingerprint: files[file]?.sha256 }];
}

function hasBytes(files: Readonly<Record<string, FileEntry>>, name: string): boolean {
  return (files[name]?.size ?? 0) > 0;
}
