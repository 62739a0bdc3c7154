import { isKnownArchitecture, unknownArchitecture } from '../images/architectures.ts';
import { MAX_PRODUCT_NAME } from '../images/layout.ts';
import { productPatternNames } from '../images/product-pattern.ts';

/**
 * A pattern in the form of trust files and staged images (see `allows`), or the reason why it matches no product.
 */
export type AllowPattern = { readonly stored: string } | { readonly problem: string };

/** Reads a product pattern in the syntax of the command options, see `parseProductPattern`. */
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
 * Writes all four names: a product path has three slashes, so no `*` can match one of them. A single `*` may
 * replace the last names when all of them are `*`.
 */
function storedPattern(names: readonly string[]): string {
  const all = [...names, '*', '*', '*'].slice(0, 4);
  const plain = all.findIndex((name) => name.includes('*'));
  const isRestOpen = plain >= 0 && all.slice(plain).every((name) => name === '*');
  return (isRestOpen ? all.slice(0, plain + 1) : all).join('/');
}
