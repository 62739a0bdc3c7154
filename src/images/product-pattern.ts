import type { ProductRef } from './layout.ts';

/** Returns whether a product matches a pattern. */
export type ProductTest = (product: ProductRef) => boolean;

/**
 * Parses a pattern of products: `os/release/arch/variant`, or the same with colons. `*` matches any characters of
 * one name. Missing names at the end match all. Undefined for any other text.
 */
export function parseProductPattern(text: string): ProductTest | undefined {
  const names = productPatternNames(text);
  if (names === undefined) return undefined;
  const tests = names.map((name) => {
    const source = name
      .split('*')
      .map((part) => part.replaceAll('.', '\\.'))
      .join('.*');
    return new RegExp(`^${source}$`);
  });
  return ({ os, release, arch, variant }) => {
    const own = [os, release, arch, variant];
    return tests.every((test, at) => test.test(own[at] ?? ''));
  };
}

/** Returns the one to four names of a pattern; undefined for any other text. */
export function productPatternNames(text: string): readonly string[] | undefined {
  const names = text.replace(/\/$/, '').split(/[/:]/);
  const areNames = names.length <= 4 && names.every((name) => /^[A-Za-z0-9._*-]+$/.test(name));
  return areNames ? names : undefined;
}
