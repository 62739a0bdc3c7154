import {
  parseImageKey,
  productPrefix,
  versionPrefix,
  type ProductRef,
  type VersionRef,
} from '../../images/layout.ts';

/** A prefix to look at: a version's, or that of a product with its own file. */
export type Target =
  | { readonly kind: 'version'; readonly prefix: string; readonly ref: VersionRef }
  | { readonly kind: 'product'; readonly prefix: string; readonly product: ProductRef };

/** Returns the version or product of a key below `images/`; undefined for a key of no image. */
export function targetOfKey(key: string): Target | undefined {
  const parsed = parseImageKey(key);
  if (parsed.kind === 'file') {
    return { kind: 'version', prefix: versionPrefix(parsed.ref), ref: parsed.ref };
  }
  if (parsed.kind === 'product-file') {
    return { kind: 'product', prefix: productPrefix(parsed.product), product: parsed.product };
  }
  return undefined;
}

/** Returns the target with this prefix; undefined when it is neither a version's nor a product's. */
export function targetOfPrefix(prefix: string): Target | undefined {
  if (!prefix.endsWith('/')) return undefined;
  const version = targetOfKey(`${prefix}x`);
  if (version?.kind === 'version') return version;
  return targetOfKey(`${prefix}product.toml`);
}
