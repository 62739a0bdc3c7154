import { parseProductName, type ProductRef } from '../images/layout.ts';
import { UsageError } from './exit.ts';

export type ProductMatch = (product: string) => boolean;

/**
 * Reads a pattern of products: `os/release/arch/variant` (or with colons), where `*` stands for any
 * characters of one name and missing names at the end for all. Throws UsageError.
 */
export function productPattern(text: string): ProductMatch {
  const names = text.replace(/\/$/, '').split(/[/:]/);
  if (names.length > 4 || names.some((name) => !/^[A-Za-z0-9._*-]+$/.test(name))) {
    throw new UsageError(
      `${JSON.stringify(text)} is no pattern of products; write os/release/arch/variant, with * for any name`,
    );
  }
  const tests = names.map((name) => {
    const source = name
      .split('*')
      .map((part) => part.replaceAll('.', '\\.'))
      .join('.*');
    return new RegExp(`^${source}$`);
  });
  return (product) => {
    const ref = parseProductName(product);
    if (ref === undefined) return false;
    const own = [ref.os, ref.release, ref.arch, ref.variant];
    return tests.every((test, at) => test.test(own[at] ?? ''));
  };
}

/** Whether a product fits one of the patterns; every product when there are none. */
export function anyPattern(patterns: readonly string[]): ProductMatch {
  const matches = patterns.map(productPattern);
  return (product) => matches.length === 0 || matches.some((match) => match(product));
}

/** `os/release/arch/variant`, as people type and clients show it. */
export function productPath({ os, release, arch, variant }: ProductRef): string {
  return `${os}/${release}/${arch}/${variant}`;
}
