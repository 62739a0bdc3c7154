import { productPrefix, type ProductRef } from '../images/layout.ts';
import type { ObjectStore } from '../storage/object-store.ts';

const MAX_NAMES = 999;

/**
 * Names for a version of one minute that nothing was in when this began: `stamp`, then `stamp-2` to `stamp-9`,
 * `stamp-9-10` to `stamp-9-99`, `stamp-9-99-100` …: versions order as text, and the last that came has to be
 * the newest.
 */
export async function* freeVersions(
  store: ObjectStore,
  product: ProductRef,
  stamp: string,
): AsyncGenerator<string, void, undefined> {
  const prefix = productPrefix(product);
  const taken = new Set<string>();
  for await (const { key } of store.list(`${prefix}${stamp}`)) {
    taken.add(key.slice(prefix.length).split('/')[0] ?? '');
  }
  for (let number = 1; number <= MAX_NAMES; number++) {
    const version = `${stamp}${suffix(number)}`;
    if (!taken.has(version)) yield version;
  }
}

/** Orders as text as its number does, which it ends with. */
function suffix(number: number): string {
  if (number === 1) return '';
  const digits = String(number).length;
  const before = Array.from({ length: digits - 1 }, (_, n) => '9'.repeat(n + 1));
  return ['', ...before, String(number)].join('-');
}
