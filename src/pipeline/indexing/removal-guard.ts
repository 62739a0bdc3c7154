import type { Catalog } from '../../catalog/document.ts';

/** At most so many published versions, or this share of them, may be found gone without a word. */
const MAX_COUNT = 10;
const MAX_SHARE = 0.2;

/**
 * Whether so many published versions, found gone without a `removed.json`, look like an unmounted disk
 * or a wrong prefix rather than like somebody's wish.
 */
export function exceedsGuard(gone: number, catalog: Catalog): boolean {
  return gone > MAX_COUNT && gone > MAX_SHARE * publishedVersions(catalog);
}

function publishedVersions(catalog: Catalog): number {
  let count = 0;
  for (const product of Object.values(catalog.products)) {
    for (const version of Object.values(product.versions)) {
      if (version.state === 'published') count += 1;
    }
  }
  return count;
}
