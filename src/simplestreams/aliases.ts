import { aliasProblem } from '../catalog/alias-name.ts';
import type { AliasTemplate } from '../catalog/document.ts';
import { canonicalArchitecture } from '../images/architectures.ts';
import type { Client } from '../images/file-kinds.ts';
import type { ProductRef } from '../images/layout.ts';

/** The predecessor's form `os/release/arch/variant`, and the two short forms that people type. */
export const DEFAULT_ALIASES: readonly AliasTemplate[] = [
  { template: '{os}/{release}', variant: 'default' },
  { template: '{os}/{release}/{variant}' },
  { template: '{os}/{release}/{arch}/{variant}' },
];

const PLACEHOLDER = /\{(os|release|arch|variant)\}/g;

/** Returns why `template` cannot make aliases, or undefined when it can. */
export function templateProblem(template: string): string | undefined {
  const example = template.replaceAll(PLACEHOLDER, 'x');
  if (/[{}]/.test(example)) {
    return `the alias template ${JSON.stringify(template)} has braces other than {os}, {release}, {arch}, {variant}`;
  }
  return aliasProblem(example);
}

/** Returns the aliases that the templates give a product, in their order, each once. */
export function expandAliases(
  templates: readonly AliasTemplate[],
  product: ProductRef,
): readonly string[] {
  const fitting = templates.filter(
    ({ variant }) => variant === undefined || variant === product.variant,
  );
  const aliases = fitting.map(({ template }) =>
    // The pattern admits these four names only.
    template.replaceAll(PLACEHOLDER, (_, name: keyof ProductRef) => product[name]),
  );
  return [...new Set(aliases)];
}

/** A product with the aliases that it asks for. */
export interface AliasClaim {
  readonly product: ProductRef;
  readonly aliases: readonly string[];
  /** The product's images. It claims no alias for a client and type without an image. */
  readonly images: Iterable<{ readonly client: Client; readonly type: string }>;
}

/**
 * Returns the aliases that each claim gets, in the order of `claims`.
 *
 * A client gives an alias to the first product by os, release and variant. It does so for each architecture,
 * and separately for containers and virtual machines (shared/simplestreams/simplestreams.go, applyAliases).
 * Here a later product loses an alias only when no client would give it to that product. When a client's
 * choice is random (amd64 beside x86_64), the product's name decides.
 */
export function settleAliases(claims: readonly AliasClaim[]): readonly (readonly string[])[] {
  const taken = new Set<string>();
  const granted = new Map<AliasClaim, readonly string[]>();
  for (const claim of claims.toSorted((a, b) => compareProducts(a.product, b.product))) {
    const arch = canonicalArchitecture(claim.product.arch) ?? claim.product.arch;
    const kinds = [...claim.images].map(({ client, type }) => `${client} ${type} ${arch}`);
    const won = claim.aliases.filter((alias) =>
      kinds.some((kind) => !taken.has(`${kind} ${alias}`)),
    );
    for (const alias of won) for (const kind of kinds) taken.add(`${kind} ${alias}`);
    granted.set(claim, won);
  }
  return claims.map((claim) => granted.get(claim) ?? []);
}

/**
 * Compares in the clients' order of products: os, release, variant, as text; then the architecture's name.
 */
function compareProducts(a: ProductRef, b: ProductRef): number {
  for (const name of ['os', 'release', 'variant', 'arch'] as const) {
    if (a[name] !== b[name]) return a[name] < b[name] ? -1 : 1;
  }
  return 0;
}
