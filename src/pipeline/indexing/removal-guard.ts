import type { Catalog } from '../../catalog/document.ts';

/** Up to this many published versions, or this share of them, may be gone without a `removed.json`. */
const MAX_COUNT = 10;
const MAX_SHARE = 0.2;

/**
 * Returns true when many published versions are gone at once without a `removed.json`. The likely cause is
 * then an unmounted disk or a wrong prefix, not a decision of their owner.
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
