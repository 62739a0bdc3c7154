import { isKnownArchitecture, unknownArchitecture } from '../images/architectures.ts';
import { MAX_PRODUCT_NAME } from '../images/layout.ts';
import { productPatternNames } from '../images/product-pattern.ts';

/** A pattern as trust files and staged images hold it, see `allows`; or why no product can match. */
export type AllowPattern = { readonly stored: string } | { readonly problem: string };

/** Reads a pattern of products as every option takes it, see `parseProductPattern`. */
export function allowPattern(text: string): AllowPattern {
  const names = productPatternNames(text);
  if (!names?.every(canMatch)) {
    return {
      problem:
        'it can match no product; write os/release/arch/variant with * for any name, such as iats/* or */*/*/default',
    };
  }
  const [, , arch = '*'] = names;
  if (!arch.includes('*') && !isKnownArchitecture(arch)) {
    return { problem: unknownArchitecture(arch) };
  }
  return { stored: storedPattern(names) };
}

function canMatch(name: string): boolean {
  return !name.startsWith('.') && name.replaceAll('*', '').length <= MAX_PRODUCT_NAME;
}

/**
 * All four names: a path has three slashes, and so no `*` can take one of them. The last names may be one `*`
 * where the names before have none.
 */
function storedPattern(names: readonly string[]): string {
  const all = [...names, '*', '*', '*'].slice(0, 4);
  const plain = all.findIndex((name) => name.includes('*'));
  const isRestOpen = plain >= 0 && all.slice(plain).every((name) => name === '*');
  return (isRestOpen ? all.slice(0, plain + 1) : all).join('/');
}
