import type { Catalog, Product, Version } from '../../catalog/document.ts';
import { mergeVersion, withProduct, withProductFile, withVersion } from '../../catalog/merge.ts';
import { missingReads } from '../../catalog/missing-reads.ts';
import { standingOf } from '../../catalog/verdict.ts';
import { productName, type ProductRef } from '../../images/layout.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { PipelineContext } from '../context.ts';
import { lookAtProductFile, lookAtVersion } from './look.ts';
import type { Target } from './targets.ts';

/** Milliseconds after which a target that denies access is tried again. */
const DENIED_WAIT = 60_000;

/** Data that is found again instead of taken from the catalog. */
export type Doubt = 'verdicts' | 'digests';

/** A target as a look found it, and how that changes the catalog. */
export interface Seen {
  readonly target: Target;
  /** The result of merging the look; its state is not settled. */
  readonly version?: Version;
  readonly apply: (catalog: Catalog) => Catalog;
  /** The number of files that are still to be read, and the sum of their bytes. */
  readonly reads: number;
  readonly bytes: number;
  /** Milliseconds for which another program may still be writing the target. */
  readonly unsettledFor?: number;
  /** Why the store denies the look. `unsettledFor` is then the time until the next try. */
  readonly denied?: string;
  /** As `unsettledFor`, for the file of a version's product. */
  readonly productUnsettledFor?: number;
  /** True when the version is public and its present files must not be named as they are. */
  readonly leaves: boolean;
  /** True when the version is public and all its files are gone without a `removed.json`. */
  readonly gone: boolean;
  /** Set for a new product.toml that is not valid. */
  readonly refusedProductFile?: { readonly product: string; readonly reason: string };
}

/** Looks at a target and merges the result into its entry in the catalog. Reads no image. */
export async function seeTarget(
  context: PipelineContext,
  target: Target,
  current: Catalog,
  doubt?: Doubt,
): Promise<Seen> {
  try {
    return target.kind === 'version'
      ? await seeVersion(context, target, current, doubt)
      : await seeProduct(context, target, target.product, current);
  } catch (error) {
    // Denied access does not mean absent. It is also no reason to delay the other targets.
    if (!isStoreError(error, 'access_denied')) throw error;
    context.log('warn', 'cannot be looked at', { prefix: target.prefix, error: error.message });
    return { ...nothing(target), unsettledFor: DENIED_WAIT, denied: error.message };
  }
}

async function seeVersion(
  context: PipelineContext,
  target: Target & { readonly kind: 'version' },
  current: Catalog,
  doubt: Doubt | undefined,
): Promise<Seen> {
  const { store, memory, now } = context;
  const { ref } = target;
  const product = productName(ref.product);
  const before = current.products[product]?.versions[ref.version];
  const looked = await lookAtVersion(store, ref, before);
  if (looked.kind === 'unsettled') return { ...nothing(target), unsettledFor: looked.forMs };
  const basis = doubted(before, doubt);
  const known = memory.of(target.prefix);
  const version = mergeVersion(basis, looked.look, known, current.settings, now());
  const standing = version && standingOf(ref.product, version, current.settings, now());
  const wanted = standing?.state !== 'rejected' && standing?.state !== 'removed';
  const reads = version && wanted ? missingReads(version, current.settings.clients) : [];
  // A product's own file may be older than its first version, and its event may be lost.
  const isNew = !Object.hasOwn(current.products, product) && version !== undefined;
  const file = isNew ? await seeProduct(context, target, ref.product, current) : undefined;
  return {
    target,
    version,
    reads: reads.length,
    bytes: reads.reduce((sum, { size }) => sum + size, 0),
    // A version whose digests are only in doubt stays public.
    leaves:
      before?.state === 'published' &&
      ((standing?.state !== 'published' && !(doubt === 'digests' && reads.length > 0)) ||
        hasLost(before, version)),
    gone: before?.state === 'published' && (version === undefined || isEmpty(version)),
    ...(file?.unsettledFor === undefined ? {} : { productUnsettledFor: file.unsettledFor }),
    ...(file?.refusedProductFile && { refusedProductFile: file.refusedProductFile }),
    apply: (catalog) =>
      changeProduct(file?.apply(catalog) ?? catalog, product, (one) =>
        withVersion(one, ref.version, version),
      ),
  };
}

async function seeProduct(
  { store }: PipelineContext,
  target: Target,
  ref: ProductRef,
  current: Catalog,
): Promise<Seen> {
  const name = productName(ref);
  const before = current.products[name];
  const looked = await lookAtProductFile(store, ref, before);
  if (looked.kind === 'unsettled') return { ...nothing(target), unsettledFor: looked.forMs };
  if (looked.look === before?.file) return nothing(target);
  const reason = looked.look?.problem;
  return {
    ...nothing(target),
    ...(reason !== undefined && { refusedProductFile: { product: name, reason } }),
    apply: (catalog) => changeProduct(catalog, name, (one) => withProductFile(one, looked.look)),
  };
}

function nothing(target: Target): Seen {
  return { target, reads: 0, bytes: 0, leaves: false, gone: false, apply: (catalog) => catalog };
}

function doubted(before: Version | undefined, doubt: Doubt | undefined): Version | undefined {
  if (before === undefined || doubt === undefined) return before;
  const { verdict, ...rest } = before;
  if (doubt === 'verdicts') return rest;
  const files = Object.entries(rest.files).map(([name, file]) => {
    const { sha256, combined, ...seen } = file;
    return [name, seen] as const;
  });
  return { ...rest, files: Object.fromEntries(files) };
}

/**
 * Returns true when bytes that may be public are gone or changed. Their names are removed before anything new
 * is read.
 */
function hasLost(before: Version, now: Version | undefined): boolean {
  return Object.entries(before.files).some(
    ([name, { etag, sha256 }]) => sha256 !== undefined && now?.files[name]?.etag !== etag,
  );
}

function isEmpty(version: Version): boolean {
  return Object.keys(version.files).length === 0 && version.removal === undefined;
}

function changeProduct(
  catalog: Catalog,
  name: string,
  change: (product: Product | undefined) => Product | undefined,
): Catalog {
  const products = withProduct(catalog.products, name, change);
  return products === catalog.products ? catalog : { ...catalog, products };
}
