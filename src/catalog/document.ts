import type { Sha256 } from '../images/digests.ts';
import type { Client, MetadataFile } from '../images/file-kinds.ts';
import type { ETag } from '../storage/object-store.ts';

/** The key of the catalog in the master store. */
export const CATALOG_KEY = 'catalog/catalog.json';

/**
 * The schema version of this document. A reader stops at a greater version. It reads a smaller version, and
 * the next write replaces it with this one. Schema 1 has `held` for `embargoed` and `refused` for `ignored`.
 */
export const CATALOG_SCHEMA = 2;

/**
 * The one document that decides what is published. Public files depend on it alone, so it has everything that
 * they need. It is written by compare-and-swap only.
 */
export interface Catalog {
  readonly schema: typeof CATALOG_SCHEMA;
  /** A random UUID, set at creation. A mirror follows one store only. */
  readonly store: string;
  /** Grows by one with each change. */
  readonly generation: number;
  readonly settings: Settings;
  /** By product name, `os:release:arch:variant`. */
  readonly products: Readonly<Record<string, Product>>;
  /** Keys below `images/` that can be no image, from the last scan. */
  readonly ignored: IgnoredKeys;
  /**
   * While true, nothing is published from this catalog. It is being rebuilt after a loss and is not complete,
   * so the present public files are better.
   */
  readonly rebuilding?: true;
}

/** The inputs of public files that do not come from images. */
export interface Settings {
  /** The clients that images are listed for. */
  readonly clients: readonly Client[];
  /** Alias templates with `{os}`, `{release}`, `{arch}`, `{variant}`; see `simplestreams/aliases.ts`. */
  readonly aliases: readonly AliasTemplate[];
  /**
   * Seconds for which an edge may still serve the old bytes of an overwritten key; 0 without a CDN. See the
   * state `replaced`.
   */
  readonly edgeSeconds: number;
}

export interface AliasTemplate {
  readonly template: string;
  /** Only products of this variant get the alias; products of every variant when absent. */
  readonly variant?: string;
}

export interface IgnoredKeys {
  readonly count: number;
  /** The first hundred, sorted by key. */
  readonly first: readonly { readonly key: string; readonly reason: string }[];
}

export interface Product {
  /** The contents of `product.toml`; absent when the product has none. */
  readonly file?: ProductFile;
  /** By version name. */
  readonly versions: Readonly<Record<string, Version>>;
}

export interface ProductFile {
  readonly etag: ETag;
  /** The reason why the present file cannot be used. `values` are then the last good values. */
  readonly problem?: string;
  /** The store denied access to the file. This can change while the ETag stays the same. */
  readonly denied?: true;
  readonly values: ProductValues;
}

/** The parsed `product.toml`, which is optional. */
export interface ProductValues {
  /** These are added to the aliases from the settings' templates. */
  readonly aliases: readonly string[];
  readonly releaseTitle?: string;
  readonly requirements: Readonly<Record<string, string>>;
  /** `YYYY-MM-DD`. */
  readonly supportEol?: string;
}

/**
 * - `published`: named in the public files.
 * - `incomplete`: the metadata, the root or both are still missing.
 * - `pending`: complete; its bytes are still to be read.
 * - `rejected`: can never be published as it is.
 * - `duplicate`: all of its fingerprints are published elsewhere.
 * - `replaced`: a published file was overwritten. The version returns when no edge can have the old bytes.
 * - `removed`: withdrawn by `removed.json`, or its files were deleted.
 */
export type VersionState =
  'published' | 'incomplete' | 'pending' | 'rejected' | 'duplicate' | 'replaced' | 'removed';

export interface Version {
  /** Derived by `settle` from the rest of the catalog, at every commit. */
  readonly state: VersionState;
  /**
   * Why the version, or a part of it, is not published. It is written for the uploader. Absent when all of it
   * is published.
   */
  readonly reason?: string;
  /** For a published version: the roots and unified files that are not listed for a client, with reasons. */
  readonly withheld?: readonly Withheld[];
  /** By file name; recognised files only. */
  readonly files: Readonly<Record<string, FileEntry>>;
  /** The parsed SHA256SUMS; absent when there is none. */
  readonly checksums?: Checksums;
  /** The parsed removed.json; absent when there is none. */
  readonly removal?: Removal;
  /** By file name: published bytes that were overwritten or deleted. An edge may still serve them. */
  readonly embargoed?: Readonly<Record<string, Embargo>>;
  /** A reason that was found while the bytes were read, with the ETags of the files at that time. */
  readonly verdict?: Verdict;
}

/** Until `until`, bytes with another ETag stay out of the public files. */
export interface Embargo {
  readonly etag: ETag;
  /** Milliseconds since 1970. */
  readonly until: number;
}

export interface Withheld {
  readonly file: string;
  readonly client: Client;
  readonly reason: string;
}

export interface FileEntry {
  readonly etag: ETag;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
  /** Absent until its bytes are read. */
  readonly sha256?: Sha256;
  /**
   * For a root: sha256(metadata ‖ root), by the metadata file's name. Each is valid for one ETag of that
   * file.
   */
  readonly combined?: Readonly<Partial<Record<MetadataFile, Combined>>>;
}

export interface Combined {
  readonly metadataEtag: ETag;
  readonly sha256: Sha256;
}

export interface Checksums {
  readonly etag: ETag;
  /** By file name. */
  readonly sums: Readonly<Record<string, Sha256>>;
  /** The reason why the file cannot be used. */
  readonly problem?: string;
  /** See `ProductFile.denied`. */
  readonly denied?: true;
}

export interface Removal {
  /** The ETag of `removed.json`. */
  readonly etag: ETag;
  /** The withdrawn files: name to the ETag that is withdrawn. Another ETag is a new upload. */
  readonly files: Readonly<Record<string, ETag>>;
  /**
   * File name to the second at which that state was stored. The same ETag with another time is a new upload.
   */
  readonly times?: Readonly<Record<string, string>>;
  /** The time at which this store's public files no longer named the files, in milliseconds since 1970. */
  readonly unnamedAt?: number;
  /** The bytes are being deleted. A file in this list can never be named again. */
  readonly condemned?: true;
  /** The reason why removed.json cannot be used. It then withdraws nothing. */
  readonly problem?: string;
  /** See `ProductFile.denied`. */
  readonly denied?: true;
}

/** A problem with the bytes of a version. It is valid only while these files have these ETags. */
export interface Verdict {
  readonly reason: string;
  readonly etags: Readonly<Record<string, ETag>>;
}
