import type { Sha256 } from '../images/digests.ts';
import { fileKey, type VersionRef } from '../images/layout.ts';
import type { ETag } from '../storage/object-store.ts';
import { candidatesOf, type Candidate } from './candidates.ts';
import type { Settings, Version } from './document.ts';

/** A file that public lists name, in the state that they describe. */
export interface ListedFile {
  readonly name: string;
  readonly key: string;
  readonly etag: ETag;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

/** One entry of the public lists: an image for one client, or a file that is no image. */
export interface Listed {
  /** The name of the root, of the unified file, or of the file that is no image. */
  readonly file: string;
  /** All files that must be present before a list names `file`. */
  readonly files: readonly ListedFile[];
  /** The image that the files make; absent for a file that is no image. */
  readonly image?: Candidate;
}

/** Returns the listed images of a version: none unless it is published, and none that is withheld. */
export function listedImages(version: Version, settings: Settings): readonly Candidate[] {
  if (version.state !== 'published') return [];
  const withheld = version.withheld ?? [];
  return candidatesOf(version, settings.clients).filter(
    ({ client, file }) => !withheld.some((one) => one.client === client && one.file === file),
  );
}

/**
 * Returns everything that public lists offer from a version. To list a file beside images, add an element
 * without an image here, with the files of its image in `files`. Lists and mirrors use nothing else.
 */
export function listedIn(ref: VersionRef, version: Version, settings: Settings): readonly Listed[] {
  const files = new Map<string, ListedFile>();
  const fileOf = (name: string) => {
    const file = files.get(name) ?? listedFile(ref, version, name);
    files.set(name, file);
    return file;
  };
  return listedImages(version, settings).map((image) => {
    const { file, metadataFile } = image;
    const names = metadataFile === undefined ? [file] : [metadataFile, file];
    return { file, files: names.map(fileOf), image };
  });
}

/** Returns every file that lists name for these entries, once each. */
export function listedFiles(listed: readonly Pick<Listed, 'files'>[]): readonly ListedFile[] {
  const files = listed.flatMap((one) => one.files.map((file) => [file.key, file] as const));
  return [...new Map(files).values()];
}

function listedFile(ref: VersionRef, version: Version, name: string): ListedFile {
  const entry = version.files[name];
  const key = fileKey(ref, name);
  if (entry?.sha256 === undefined) throw new Error(`${key} is listed but not hashed`);
  const { etag, size, sha256, lastModified } = entry;
  return { name, key, etag, size, sha256, lastModified };
}
