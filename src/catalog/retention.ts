import type { Product } from './document.ts';

/** Which published versions of a product are kept. */
export interface Retention {
  /** How many of the newest, at least 1. */
  readonly keep: number;
  /** Versions whose date is later than this are kept too: milliseconds since 1970. */
  readonly before?: number;
}

/**
 * The published versions of a product that retention does not keep, in ascending order. The greatest
 * published version is always kept, and what is not published is nothing to retention.
 */
export function expiredVersions(product: Product, { keep, before }: Retention): string[] {
  const published = Object.keys(product.versions)
    .filter((name) => product.versions[name]?.state === 'published')
    .sort();
  const old = published.slice(0, -Math.max(keep, 1));
  return before === undefined ? old : old.filter((name) => dateOf(name) < before);
}

/** Midnight UTC of the date that a version's name starts with, as milliseconds since 1970. */
function dateOf(version: string): number {
  const [year, month, day] = [version.slice(0, 4), version.slice(4, 6), version.slice(6, 8)];
  return Date.UTC(Number(year), Number(month) - 1, Number(day));
}
