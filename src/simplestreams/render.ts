import type { Catalog } from '../catalog/document.ts';
import { IMAGES_KEY } from '../facts/delivery-policy.ts';
import { canonicalJson } from './canonical-json.ts';
import type { IndexDocument, ProductsDocument } from './documents.ts';
import { revisionMember, type Revision } from './generation.ts';
import { listedNames, type ListedFilter } from './listing.ts';
import { listedProducts } from './products.ts';

const CONTENT_ID = 'images';
/** The only datatype that clients read. */
const DATATYPE = 'image-downloads';
const PRODUCTS_FORMAT = 'products:1.0';

/**
 * Returns the bytes of `streams/v1/images.json`. They depend on the arguments alone and start with
 * `revision`.
 */
export function renderImages(
  catalog: Catalog,
  revision: Revision,
  isListed?: ListedFilter,
): Uint8Array {
  return render(revision, {
    content_id: CONTENT_ID,
    datatype: DATATYPE,
    format: PRODUCTS_FORMAT,
    products: listedProducts(catalog, isListed),
  } satisfies ProductsDocument);
}

/**
 * Returns the bytes of `streams/v1/index.json`, as `renderImages` does. When there is no product, the entry
 * stays with an empty list: clients then do not fetch `images.json`, and show an empty list.
 */
export function renderIndex(
  catalog: Catalog,
  revision: Revision,
  isListed?: ListedFilter,
): Uint8Array {
  const products = listedNames(catalog, isListed);
  return render(revision, {
    format: 'index:1.0',
    index: {
      [CONTENT_ID]: { datatype: DATATYPE, format: PRODUCTS_FORMAT, path: IMAGES_KEY, products },
    },
  } satisfies IndexDocument);
}

function render(revision: Revision, document: object): Uint8Array {
  const members = canonicalJson(document).slice(1);
  return Buffer.from(`{${revisionMember(revision)},${members}\n`);
}
