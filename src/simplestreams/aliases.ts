import { aliasProblem } from '../catalog/alias-name.ts';
import type { AliasTemplate } from '../catalog/document.ts';
import { canonicalArchitecture } from '../images/architectures.ts';
import type { Client } from '../images/file-kinds.ts';
import type { ProductRef } from '../images/layout.ts';

/** The ancestor's `os/release/arch/variant`, and the two short forms that people type. */
export const DEFAULT_ALIASES: readonly AliasTemplate[] = [
  { template: '{os}/{release}', variant: 'default' },
  { template: '{os}/{release}/{variant}' },
  { template: '{os}/{release}/{arch}/{variant}' },
];

const PLACEHOLDER = /\{(os|release|arch|variant)\}/g;

/** Why `template` cannot make aliases, or undefined when it can. */
export function templateProblem(template: string): string | undefined {
  const example = template.replaceAll(PLACEHOLDER, 'x');
  if (/[{}]/.test(example)) {
    return `the alias template ${JSON.stringify(template)} has braces other than {os}, {release}, {arch}, {variant}`;
  }
  return aliasProblem(example);
}

/** The aliases that the templates give a product, in their order, each once. */
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

/** A product with the aliases it asks for. */
export interface AliasClaim {
  readonly product: ProductRef;
  readonly aliases: readonly string[];
  /** What it has to offer: for a client and type that it has not, it claims nothing. */
  readonly images: Iterable<{ readonly client: Client; readonly type: string }>;
}

/**
 * Which of its aliases each claim gets, in the order of `claims`.
 *
 * A client gives an alias to the first product by os, release and variant, for each architecture and each
 * of container and virtual machine on its own (shared/simplestreams/simplestreams.go, applyAliases). Here a
 * later product loses an alias only where it would get it from no client; where clients leave the choice to
 * chance (amd64 beside x86_64), the product's name decides.
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

/** The clients' order of products: os, release, variant, as text; then the architecture's name. */
function compareProducts(a: ProductRef, b: ProductRef): number {
  for (const name of ['os', 'release', 'variant', 'arch'] as const) {
    if (a[name] !== b[name]) return a[name] < b[name] ? -1 : 1;
  }
  return 0;
}
