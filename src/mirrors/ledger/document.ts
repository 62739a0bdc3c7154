import type { Sha256 } from '../../images/digests.ts';
import type { ETag } from '../../storage/object-store.ts';

/** Where a mirror's document lies, on the mirror. */
export const MIRROR_KEY = 'catalog/mirror.json';

/**
 * The version of this document's form. A reader that meets a greater one stops; a smaller one is read, and
 * replaced by this one on the next write. Schema 1 has `leaving` for `pendingDeletion`, `held` for
 * `embargoed` and `spent` for `tombstones`.
 */
export const MIRROR_SCHEMA = 2;

/**
 * The one document that decides, with the master's catalog of its generation, what a mirror publishes.
 * Written by compare-and-swap only, so its generation and revision never fall: the public files of the
 * mirror are made from (catalog of `generation`, this `revision`) and ordered by that pair.
 */
export interface MirrorDocument {
  readonly schema: typeof MIRROR_SCHEMA;
  /** The id of the one master that is mirrored. */
  readonly store: string;
  /** Of the master's catalog that this document was written for. */
  readonly generation: number;
  /** Grows by one with each change. */
  readonly revision: number;
  /** Which part of the master is mirrored. */
  readonly filter: MirrorFilter;
  /** The ledger: by key, objects of the mirror whose bytes are known. */
  readonly files: Readonly<Record<string, Proven>>;
  /** By key, objects that will be deleted or overwritten. None of them is named. */
  readonly pendingDeletion: Readonly<Record<string, PendingDeletion>>;
  /** By key, bytes that were named and are gone, which an edge may still serve. */
  readonly embargoed: Readonly<Record<string, EmbargoedBytes>>;
  /** By key, condemned states: a late delete request may still meet the same bytes, copied there anew. */
  readonly tombstones: Readonly<Record<string, Tombstone>>;
  /** While true nothing is published: what the mirror had before is still being read. */
  readonly adopting?: true;
}

export interface MirrorFilter {
  /** Patterns `os/release/arch/variant` with `*`; empty for all products. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Only so many of the newest versions of each product; absent for all. */
  readonly newest?: number;
}

/** An object of the mirror whose bytes are known, as long as it has this ETag. */
export interface Proven {
  /** Of the object on the mirror. */
  readonly etag: ETag;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
  /** Of the master's object that it equals. */
  readonly source: ETag;
  readonly proof: Proof;
}

/**
 * - `copied`: by us, pinned to the source's ETag, and hashed on the way where the bytes passed through us.
 * - `replica`: by the service's replication; it has the source's version id and size.
 * - `read`: its bytes were read on the mirror.
 */
export type Proof = 'copied' | 'replica' | 'read';

export interface PendingDeletion {
  /** Of the object on the mirror. */
  readonly etag: ETag;
  /** What is known of its bytes; with it the object can come back. */
  readonly proven?: Proven;
  /** Milliseconds since 1970 at which the mirror's public files did not name it. */
  readonly unnamedAt?: number;
  /** It may be deleted or overwritten at any moment: in this state it can never be named again. */
  readonly condemned?: true;
}

/** Other bytes than these stay out of the mirror's public files until `until`. */
export interface EmbargoedBytes {
  readonly sha256: Sha256;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** An object with this ETag is not named until `until`. */
export interface Tombstone {
  readonly etag: ETag;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** A document for a mirror of which nothing is known. */
export function emptyMirror(
  store: string,
  generation: number,
  filter: MirrorFilter,
): MirrorDocument {
  return {
    schema: MIRROR_SCHEMA,
    store,
    generation,
    revision: 1,
    filter,
    files: {},
    pendingDeletion: {},
    embargoed: {},
    tombstones: {},
  };
}
