import type { Sha256 } from '../images/digests.ts';
import type { Client, MetadataFile } from '../images/file-kinds.ts';
import type { ETag } from '../storage/object-store.ts';

/** Where the catalog lies in the master store. */
export const CATALOG_KEY = 'catalog/catalog.json';

/**
 * The version of this document's form. A reader that meets a greater one stops; a smaller one is read, and
 * replaced by this one on the next write. Schema 1 has `held` for `embargoed` and `refused` for `ignored`.
 */
export const CATALOG_SCHEMA = 2;

/**
 * The one document that decides what is published. Public files are functions of it alone, so it holds
 * everything they depend on. Written by compare-and-swap only.
 */
export interface Catalog {
  readonly schema: typeof CATALOG_SCHEMA;
  /** A random UUID given at creation; a mirror follows one store only. */
  readonly store: string;
  /** Grows by one with each change. */
  readonly generation: number;
  readonly settings: Settings;
  /** By product name, `os:release:arch:variant`. */
  readonly products: Readonly<Record<string, Product>>;
  /** Keys below `images/` that can be no image, as the last scan found them. */
  readonly ignored: IgnoredKeys;
  /**
   * While true nothing is published from this catalog: it is being rebuilt after a loss, and what is
   * public is better than what it knows so far.
   */
  readonly rebuilding?: true;
}

/** What projections depend on and no image tells. */
export interface Settings {
  /** For which clients images are listed. */
  readonly clients: readonly Client[];
  /** Alias templates with `{os}`, `{release}`, `{arch}`, `{variant}`; see `simplestreams/aliases.ts`. */
  readonly aliases: readonly AliasTemplate[];
  /**
   * Seconds for which an edge may go on serving the old bytes of an overwritten key: 0 with no CDN.
   * See the state `replaced`.
   */
  readonly edgeSeconds: number;
}

export interface AliasTemplate {
  readonly template: string;
  /** Only for products of this variant; every variant when absent. */
  readonly variant?: string;
}

export interface IgnoredKeys {
  readonly count: number;
  /** The first hundred, in order of their keys. */
  readonly first: readonly { readonly key: string; readonly reason: string }[];
}

export interface Product {
  /** What `product.toml` says; absent where there is none. */
  readonly file?: ProductFile;
  /** By version name. */
  readonly versions: Readonly<Record<string, Version>>;
}

export interface ProductFile {
  readonly etag: ETag;
  /** Why the file as it is now cannot be used; `values` are then the last good ones. */
  readonly problem?: string;
  /** The store refused to let it be read, which may change while its ETag stays. */
  readonly denied?: true;
  readonly values: ProductValues;
}

/** The optional `product.toml`, parsed. */
export interface ProductValues {
  /** In addition to those by the settings' templates. */
  readonly aliases: readonly string[];
  readonly releaseTitle?: string;
  readonly requirements: Readonly<Record<string, string>>;
  /** `YYYY-MM-DD`. */
  readonly supportEol?: string;
}

/**
 * - `published`: named in the public files.
 * - `incomplete`: no metadata, or no root, or neither, yet.
 * - `pending`: complete; its bytes are still to be read.
 * - `rejected`: can never be published as it is.
 * - `duplicate`: all of its fingerprints are published elsewhere.
 * - `replaced`: a published file was overwritten; returns when no edge can hold the old bytes.
 * - `removed`: withdrawn by `removed.json`.
 */
export type VersionState =
  'published' | 'incomplete' | 'pending' | 'rejected' | 'duplicate' | 'replaced' | 'removed';

export interface Version {
  /** Derived from the rest of the catalog at every commit by `settle`. */
  readonly state: VersionState;
  /** Why it, or a part of it, is not published, for its uploader. Absent when published whole. */
  readonly reason?: string;
  /** Of a published version: roots and unified files that are not listed for a client, and why. */
  readonly withheld?: readonly Withheld[];
  /** By file name; recognised files only. */
  readonly files: Readonly<Record<string, FileEntry>>;
  /** The parsed SHA256SUMS, where there is one. */
  readonly checksums?: Checksums;
  /** The parsed removed.json, where there is one. */
  readonly removal?: Removal;
  /** By file name: published bytes that were overwritten or deleted, which an edge may still serve. */
  readonly embargoed?: Readonly<Record<string, Embargo>>;
  /** A reason found while its bytes were looked at, with the ETags it was found at. */
  readonly verdict?: Verdict;
}

/** Other bytes than these stay out of the public files until `until`. */
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
  /** Absent until its bytes were read. */
  readonly sha256?: Sha256;
  /** Of a root: sha256(metadata ‖ root), by the metadata file's name, for that ETag of it. */
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
  /** Why the file cannot be used. */
  readonly problem?: string;
  /** As for `ProductFile`. */
  readonly denied?: true;
}

export interface Removal {
  /** Of `removed.json`. */
  readonly etag: ETag;
  /** The withdrawn files: name to the ETag that is withdrawn. Another ETag is a new upload. */
  readonly files: Readonly<Record<string, ETag>>;
  /** File name to the second since which that state is there: the same ETag since another is a new upload. */
  readonly times?: Readonly<Record<string, string>>;
  /** Milliseconds since 1970 at which the names were out of this store's public files. */
  readonly unnamedAt?: number;
  /** Its bytes are being deleted: a file so listed can never be named again. */
  readonly condemned?: true;
  /** Why removed.json cannot be used; nothing is withdrawn by it then. */
  readonly problem?: string;
  /** As for `ProductFile`. */
  readonly denied?: true;
}

/** Something wrong with the bytes of a version, valid only while these files have these ETags. */
export interface Verdict {
  readonly reason: string;
  readonly etags: Readonly<Record<string, ETag>>;
}
