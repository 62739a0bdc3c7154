import { candidatesOf, type Candidate } from '../catalog/candidates.ts';
import type { Catalog, Settings, Version } from '../catalog/document.ts';

/** One image as a client finds it in the public files. */
export interface ListedImage extends Candidate {
  /** `os:release:arch:variant`. */
  readonly product: string;
  readonly version: string;
}

/** Narrows what is listed: a mirror names only what is proven there. */
export type ListedFilter = (image: ListedImage) => boolean;

/** The images of one version that are listed: none unless it is published, and none that is withheld. */
export function imagesOf(version: Version, settings: Settings): readonly Candidate[] {
  if (version.state !== 'published') return [];
  const withheld = version.withheld ?? [];
  return candidatesOf(version, settings.clients).filter(
    ({ client, file }) => !withheld.some((one) => one.client === client && one.file === file),
  );
}

/** Everything that is listed for any client, in ascending order of product, then version. */
export function* listedImages(catalog: Catalog): Generator<ListedImage> {
  for (const product of Object.keys(catalog.products).sort()) yield* listedOf(catalog, product);
}

/** The products that have something to list, in ascending order. */
export function listedNames(catalog: Catalog, isListed: ListedFilter = () => true): string[] {
  const names = Object.keys(catalog.products).sort();
  return names.filter((product) => listedOf(catalog, product).some(isListed));
}

function* listedOf({ products, settings }: Catalog, product: string): Generator<ListedImage> {
  const versions = products[product]?.versions ?? {};
  for (const name of Object.keys(versions).sort()) {
    const version = versions[name];
    if (!version) continue;
    for (const image of imagesOf(version, settings)) yield { product, version: name, ...image };
  }
}
