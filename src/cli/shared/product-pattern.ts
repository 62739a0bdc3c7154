import { parseProductName } from '../../images/layout.ts';
import { parseProductPattern } from '../../images/product-pattern.ts';
import { UsageError } from '../console/exit.ts';

export type ProductMatch = (product: string) => boolean;

/**
 * Reads a product pattern: `os/release/arch/variant` (or with colons). `*` matches any characters of one name, and
 * missing names at the end match everything. Throws UsageError.
 */
function productPattern(text: string): ProductMatch {
  const test = parseProductPattern(text);
  if (test === undefined) {
    throw new UsageError(
      `${JSON.stringify(text)} is no pattern of products; write os/release/arch/variant, with * for any name`,
    );
  }
  return (product) => {
    const ref = parseProductName(product);
    return ref !== undefined && test(ref);
  };
}

/** Returns a test whether a product matches one of the patterns. Without patterns, every product does. */
export function anyPattern(patterns: readonly string[]): ProductMatch {
  const matches = patterns.map(productPattern);
  return (product) => matches.length === 0 || matches.some((match) => match(product));
}
