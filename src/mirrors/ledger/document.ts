import type { Sha256 } from '../../images/digests.ts';
import type { ETag } from '../../storage/object-store.ts';

/** The key of a mirror's document, on the mirror. */
export const MIRROR_KEY = 'catalog/mirror.json';

/**
 * The schema version of this document. A reader stops at a greater version. It reads a smaller version, and
 * the next write replaces it with this one. Schema 1 has `leaving` for `pendingDeletion`, `held` for
 * `embargoed` and `spent` for `tombstones`.
 */
export const MIRROR_SCHEMA = 2;

/**
 * The one document that decides what a mirror publishes, together with the master's catalog of its
 * generation. It is written by compare-and-swap only, so its generation and revision never fall. The mirror's
 * public files are made from (catalog of `generation`, this `revision`) and ordered by that pair.
 */
export interface MirrorDocument {
  readonly schema: typeof MIRROR_SCHEMA;
  /** The id of the one master that is mirrored. */
  readonly store: string;
  /** The generation of the master's catalog that this document was written for. */
  readonly generation: number;
  /** Grows by one with each change. */
  readonly revision: number;
  /** The part of the master that is mirrored. */
  readonly filter: MirrorFilter;
  /** The ledger: the mirror's objects whose bytes are known, by key. */
  readonly files: Readonly<Record<string, Proven>>;
  /** By key: objects that will be deleted or overwritten. None of them is named. */
  readonly pendingDeletion: Readonly<Record<string, PendingDeletion>>;
  /** By key: bytes that were named and are gone. An edge may still serve them. */
  readonly embargoed: Readonly<Record<string, EmbargoedBytes>>;
  /**
   * By key: condemned states. The same bytes may be copied there again, and a late delete request may still
   * delete them.
   */
  readonly tombstones: Readonly<Record<string, Tombstone>>;
  /** While true, nothing is published: the objects that the mirror had before are still being read. */
  readonly adopting?: true;
}

export interface MirrorFilter {
  /** Patterns `os/release/arch/variant` with `*`; empty for all products. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Only this many of the newest versions of each product; absent for all. */
  readonly newest?: number;
}

/** An object of the mirror whose bytes are known while it has this ETag. */
export interface Proven {
  /** The ETag of the object on the mirror. */
  readonly etag: ETag;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
  /** The ETag of the master's object with the same bytes. */
  readonly source: ETag;
  readonly proof: Proof;
}

/**
 * - `copied`: by us, pinned to the source's ETag. Bytes that passed through us were hashed on the way.
 * - `replica`: by the service's replication. It has the source's version id and size.
 * - `read`: its bytes were read on the mirror.
 */
export type Proof = 'copied' | 'replica' | 'read';

export interface PendingDeletion {
  /** The ETag of the object on the mirror. */
  readonly etag: ETag;
  /** The proof of its bytes, when they are known. With it, the object can be named again. */
  readonly proven?: Proven;
  /** The time at which the mirror's public files did not name it, in milliseconds since 1970. */
  readonly unnamedAt?: number;
  /** It may be deleted or overwritten at any moment. In this state it can never be named again. */
  readonly condemned?: true;
}

/** Until `until`, other bytes than these stay out of the mirror's public files. */
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

/** Returns a document for a mirror whose objects are not known. */
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
