import {
  canonicalArchitecture,
  isKnownArchitecture,
  unknownArchitecture,
} from '../images/architectures.ts';
import {
  parseProductPath,
  PRODUCT_NAME_RULE,
  productPath,
  shown,
  type ProductRef,
} from '../images/layout.ts';

export interface ImageDescription {
  /** The image's own properties, overridden by those of the uploader. */
  readonly properties: Readonly<Record<string, string>>;
  /** `architecture` of metadata.yaml. */
  readonly architecture: string;
}

/** Names of architectures in product folders, where distributions use another name than the kernel. */
const FOLDER_NAMES: Readonly<Record<string, string>> = {
  i686: 'i386',
  x86_64: 'amd64',
  armv6l: 'armel',
  armv7l: 'armhf',
  aarch64: 'arm64',
  ppc64le: 'ppc64el',
};

/** A product, or the reason why there is none. `problem` is a complete sentence for the user. */
export type NamedProduct = { readonly product: ProductRef } | { readonly problem: string };

/**
 * Returns the product that an image's aliases name. All must name the same product; `product.toml` sets further
 * aliases.
 */
export function productOfAliases(
  [first, ...others]: readonly [string, ...string[]],
  architecture: string,
): NamedProduct {
  const named = productOfAlias(first, architecture);
  if ('problem' in named) return named;
  const path = productPath(named.product);
  for (const alias of others) {
    const other = productOfAlias(alias, architecture);
    if ('problem' in other) return other;
    if (productPath(other.product) === path) continue;
    return {
      problem: `the alias ${quoted(alias)} names another product than ${quoted(first)}; an image is published as one product, which gets further aliases by its product.toml`,
    };
  }
  return named;
}

/**
 * Returns the product that an alias names. Forms: `os/release/variant`, `os/release/arch/variant`, or `os/release`
 * for the variant `default`.
 */
export function productOfAlias(alias: string, architecture: string): NamedProduct {
  const own = archFolder(architecture);
  if (own === undefined) return { problem: unknownArchitecture(shown(architecture)) };
  const names = alias.split('/');
  const [os = '', release = '', third = 'default'] = names;
  const short = names.length === 2 || names.length === 3;
  const product = parseProductPath(short ? [os, release, own, third].join('/') : alias);
  if (!product) {
    return {
      problem: `the alias ${quoted(alias)} names no product: os/release/variant or os/release/arch/variant is expected, ${PRODUCT_NAME_RULE} (further aliases go into product.toml)`,
    };
  }
  const problem = !short
    ? architectureProblem(product.arch, own)
    : isKnownArchitecture(third)
      ? 'its last name is that of an architecture, where a variant is expected; write os/release/variant, or all of os/release/arch/variant'
      : undefined;
  if (problem === undefined) return { product };
  return { problem: `the alias ${quoted(alias)} cannot be: ${problem}` };
}

function architectureProblem(named: string, own: string): string | undefined {
  const canonical = canonicalArchitecture(named);
  if (canonical === undefined) return unknownArchitecture(named);
  if (canonical === canonicalArchitecture(own)) return undefined;
  return `it names the architecture ${named}, and the image is for ${own}`;
}

function quoted(alias: string): string {
  return JSON.stringify(shown(alias));
}

/** Returns the product that an image's properties `os`, `release`, `architecture` and `variant` name. */
export function productOfProperties(image: ImageDescription): ProductRef | undefined {
  const { os, release, variant } = image.properties;
  const arch = archFolder(image.properties['architecture'] ?? image.architecture);
  if (!os || !release || arch === undefined) return undefined;
  return parseProductPath(
    [tidyName(os), tidyName(release), arch, tidyName(variant || 'default')].join('/'),
  );
}

/** Returns the folder name for an architecture that clients know; undefined for any other. */
function archFolder(architecture: string): string | undefined {
  const canonical = canonicalArchitecture(architecture);
  if (canonical === undefined) return undefined;
  return canonical === architecture ? (FOLDER_NAMES[canonical] ?? canonical) : architecture;
}

/** Properties are for people (`Alpine Linux`); folders and aliases are lower case, without spaces. */
function tidyName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[.-]+|-+$/g, '');
}
