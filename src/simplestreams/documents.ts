import type { HashField } from '../images/file-kinds.ts';
import type { Revision } from './generation.ts';

/**
 * The simplestreams files as LXD and Incus decode them, field by field (shared/simplestreams/index.go and
 * products.go in both). One value of another type makes the whole file unreadable for every client.
 */
export interface IndexDocument {
  /** Ours only; clients ignore it. */
  readonly generation?: Revision;
  readonly format: string;
  /** By content id. */
  readonly index: Readonly<Record<string, IndexEntry>>;
}

export interface IndexEntry {
  /** Clients read entries of `image-downloads` only. */
  readonly datatype: string;
  readonly format?: string;
  /** Relative to the server's base URL, not to the index. */
  readonly path: string;
  /** Clients do not fetch `path` when this is empty. They ignore the names themselves. */
  readonly products: readonly string[];
}

export interface ProductsDocument {
  /** Ours only; clients ignore it. */
  readonly generation?: Revision;
  readonly content_id: string;
  readonly datatype: string;
  readonly format: string;
  /** By product name. */
  readonly products: Readonly<Record<string, ProductEntry>>;
}

export interface ProductEntry {
  /** Separated by commas; clients do not trim. */
  readonly aliases: string;
  readonly arch: string;
  readonly os: string;
  readonly release: string;
  readonly release_codename?: string;
  readonly release_title: string;
  readonly requirements?: Readonly<Record<string, string>>;
  /** Read by LXD only, in place of `requirements`. */
  readonly lxd_requirements?: Readonly<Record<string, string>>;
  /** `YYYY-MM-DD`. */
  readonly support_eol?: string;
  readonly supported?: boolean;
  readonly variant?: string;
  readonly version?: string;
  /** By version name. Clients skip names that do not start with `YYYYMMDD`. */
  readonly versions: Readonly<Record<string, VersionEntry>>;
}

export interface VersionEntry {
  /** The keys are free: clients use `ftype`. */
  readonly items: Readonly<Record<string, ItemEntry>>;
  readonly label?: string;
  readonly pubname?: string;
}

/** A metadata item has a fingerprint for each of its roots, in the field of that root. */
export interface ItemEntry extends Readonly<Partial<Record<HashField, string>>> {
  readonly ftype: string;
  readonly path: string;
  /** Bytes. New clients stop reading after this many. */
  readonly size: number;
  readonly sha256?: string;
  readonly md5?: string;
  readonly delta_base?: string;
  readonly combined_sha256?: string;
  /** Incus only: `virtual-machine` for a unified file of one. */
  readonly combined_type?: string;
}
