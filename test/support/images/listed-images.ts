import type { Candidate } from '../../../src/catalog/candidates.ts';
import type { Catalog } from '../../../src/catalog/document.ts';
import { listedEntries } from '../../../src/simplestreams/listing.ts';

/** One image as a client finds it in the public files. */
export interface ListedImage extends Candidate {
  readonly product: string;
  readonly version: string;
}

/** All images that the public files of a catalog list. */
export function listedImages(catalog: Catalog): readonly ListedImage[] {
  return [...listedEntries(catalog)].flatMap(({ product, version, image }) =>
    image === undefined ? [] : [{ product, version, ...image }],
  );
}
