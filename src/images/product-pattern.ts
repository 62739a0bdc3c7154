import type { ProductRef } from './layout.ts';

/** Whether a product fits a pattern. */
export type ProductTest = (product: ProductRef) => boolean;

/**
 * Reads a pattern of products: `os/release/arch/variant` (or with colons), where `*` stands for any
 * characters of one name and missing names at the end for all. Undefined when it is none.
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

/** The names that a pattern gives, one to four; undefined when it is none. */
export function productPatternNames(text: string): readonly string[] | undefined {
  const names = text.replace(/\/$/, '').split(/[/:]/);
  const areNames = names.length <= 4 && names.every((name) => /^[A-Za-z0-9._*-]+$/.test(name));
  return areNames ? names : undefined;
}
