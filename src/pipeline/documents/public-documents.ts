import type { Catalog } from '../../catalog/document.ts';
import {
  DOCUMENT_FACTS,
  IMAGES_KEY,
  INDEX_KEY,
  type DocumentFacts,
  type DocumentKey,
} from '../../facts/delivery-policy.ts';
import { readGeneration, type Revision } from '../../simplestreams/generation.ts';
import type { ListedFilter } from '../../simplestreams/listing.ts';
import { renderImages, renderIndex } from '../../simplestreams/render.ts';

/** The state that a publication shows. */
export interface PublishedState {
  readonly catalog: Catalog;
  /** The revision of the catalog and, on a mirror, of the mirror's ledger. */
  readonly revision: Revision;
  /** Narrows what is listed; absent on the master. */
  readonly isListed?: ListedFilter;
}

/** How a document is made, and how the revision of its stored bytes is read. */
interface Rendering {
  /** Renders the whole document. The bytes depend on the argument alone. */
  readonly render: (state: PublishedState) => Uint8Array;
  /** Reads the revision from the first bytes of a stored document; undefined for another program's. */
  readonly readRevision: (head: Uint8Array) => Revision | undefined;
  /**
   * For a document that is the same for every catalog: a number that grows when the document changes.
   * `readRevision` returns it as `catalog`. When absent, the document follows the catalog and has its
   * revision.
   */
  readonly edition?: number;
}

export interface PublicDocument extends DocumentFacts, Rendering {}

/** The rendering of every document of `DOCUMENT_FACTS`, by key. */
const RENDERINGS: Readonly<Record<DocumentKey, Rendering>> = {
  [IMAGES_KEY]: {
    render: ({ catalog, revision, isListed }) => renderImages(catalog, revision, isListed),
    readRevision: readGeneration,
  },
  [INDEX_KEY]: {
    render: ({ catalog, revision, isListed }) => renderIndex(catalog, revision, isListed),
    readRevision: readGeneration,
  },
};

/** Every public document of a store, in the order in which they are written. */
export const PUBLIC_DOCUMENTS: readonly PublicDocument[] = DOCUMENT_FACTS.map((facts) => ({
  ...facts,
  ...RENDERINGS[facts.key],
}));

/** Returns true when a document changes with the catalog, so that it shows which state of it is public. */
export function followsCatalog({ edition }: PublicDocument): boolean {
  return edition === undefined;
}

/** Returns the revision of a document that shows `state`. */
export function revisionFor({ edition }: PublicDocument, state: Revision): Revision {
  return edition === undefined ? state : { catalog: edition };
}
