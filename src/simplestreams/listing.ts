import type { Catalog } from '../catalog/document.ts';
import { listedIn, type Listed } from '../catalog/listed-files.ts';
import { parseProductName } from '../images/layout.ts';

/** An image, or a file that is no image, as the public files of a catalog list it. */
export interface ListedEntry extends Listed {
  /** `os:release:arch:variant`. */
  readonly product: string;
  readonly version: string;
}

/** Narrows what is listed: a mirror names only what is proven there. */
export type ListedFilter = (entry: ListedEntry) => boolean;

/** Yields everything that is listed for any client, in ascending order of product, then version. */
export function* listedEntries(catalog: Catalog): Generator<ListedEntry> {
  for (const product of Object.keys(catalog.products).sort()) yield* entriesOf(catalog, product);
}

/** Returns the products that have something to list, in ascending order. */
export function listedNames(catalog: Catalog, isListed: ListedFilter = () => true): string[] {
  const names = Object.keys(catalog.products).sort();
  return names.filter((product) => entriesOf(catalog, product).some(isListed));
}

function* entriesOf({ products, settings }: Catalog, name: string): Generator<ListedEntry> {
  const product = parseProductName(name);
  if (!product) throw new Error(`the catalog has a product named ${JSON.stringify(name)}`);
  const versions = products[name]?.versions ?? {};
  for (const version of Object.keys(versions).sort()) {
    const entry = versions[version];
    if (!entry) continue;
    for (const listed of listedIn({ product, version }, entry, settings)) {
      yield { product: name, version, ...listed };
    }
  }
}
