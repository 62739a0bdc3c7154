import type { Product } from './document.ts';

/** Selects the published versions of a product that are kept. */
export interface Retention {
  /** The number of newest versions to keep, at least 1. */
  readonly keep: number;
  /** Versions with a later date are kept too. Milliseconds since 1970. */
  readonly before?: number;
}

/**
 * Returns the published versions of a product that retention does not keep, in ascending order. The greatest
 * published version is always kept. Versions in other states are ignored.
 */
export function expiredVersions(product: Product, { keep, before }: Retention): string[] {
  const published = Object.keys(product.versions)
    .filter((name) => product.versions[name]?.state === 'published')
    .sort();
  const old = published.slice(0, -Math.max(keep, 1));
  return before === undefined ? old : old.filter((name) => dateOf(name) < before);
}

/** Midnight UTC of the date at the start of a version's name, in milliseconds since 1970. */
function dateOf(version: string): number {
  const [year, month, day] = [version.slice(0, 4), version.slice(4, 6), version.slice(6, 8)];
  return Date.UTC(Number(year), Number(month) - 1, Number(day));
}
