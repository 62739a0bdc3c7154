import type { Catalog, Removal, Version } from '../../catalog/document.ts';
import { withProduct, withVersion } from '../../catalog/merge.ts';
import { isListed } from '../../catalog/removal.ts';
import {
  fileKey,
  parseProductName,
  REMOVED_FILE,
  versionPrefix,
  type VersionRef,
} from '../../images/layout.ts';
import { isStoreError } from '../../storage/errors.ts';
import { commitCatalog } from '../documents/commit-catalog.ts';
import type { PipelineContext } from '../context.ts';
import { publishStreams } from '../documents/publish-streams.ts';

/** One hour for client caches and one hour for the longest download. The edge's time is added to it. */
export const REMOVAL_GRACE_MS = 2 * 60 * 60 * 1000;

export interface RemovalProgress {
  /** Versions whose bytes were deleted. They must be indexed again. */
  readonly deleted: readonly string[];
  /** The number of versions that are still in their grace. */
  readonly waiting: number;
}

interface Pending {
  readonly product: string;
  readonly ref: VersionRef;
  readonly removal: Removal;
}

/**
 * Completes the removal of withdrawn files. Each step runs only when the step before it is safe, and a run
 * continues where an earlier one stopped:
 *
 * 1. Store the time at which the public files no longer named the files.
 * 2. After the grace, condemn the keys, so that they are never named again.
 * 3. Delete the bytes in the withdrawn states.
 * 4. Clear the entry in the catalog.
 * 5. Delete the marker.
 */
export async function finishRemovals(
  context: PipelineContext,
  options: { readonly graceMs?: number } = {},
): Promise<RemovalProgress> {
  const published = await publishStreams(context);
  const { catalog } = await commitCatalog(context, (current) => {
    const graceMs = (options.graceMs ?? REMOVAL_GRACE_MS) + current.settings.edgeSeconds * 1000;
    const isPublic = published.generation >= current.generation && !current.rebuilding;
    return Promise.resolve(advance(current, context.now(), graceMs, isPublic));
  });
  const pending = removalsOf(catalog);
  const condemned = pending.filter(({ removal }) => removal.condemned === true);
  const gone: Pending[] = [];
  for (const one of condemned) {
    if (await succeeds(context, one, () => deleteBytes(context, one))) gone.push(one);
  }
  if (gone.length > 0) {
    await commitCatalog(context, (current) => Promise.resolve(clear(current, gone)));
    for (const one of gone) {
      await succeeds(context, one, () => deleteMarker(context, one.ref, one.removal));
    }
    context.log('info', 'removals finished', { versions: gone.length });
  }
  return {
    deleted: gone.map(({ ref }) => versionPrefix(ref)),
    waiting: pending.length - gone.length,
  };
}

/**
 * Returns true when the deletion was done. When the store denies it, the next run tries again, and the other
 * deletions continue.
 */
async function succeeds(
  { log }: PipelineContext,
  { ref }: Pending,
  act: () => Promise<void>,
): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    if (!isStoreError(error, 'access_denied', 'invalid_key', 'unsupported')) throw error;
    log('warn', 'a removal is not finished', { version: versionPrefix(ref), error: error.message });
    return false;
  }
}

function removalsOf(catalog: Catalog): Pending[] {
  return Object.entries(catalog.products).flatMap(([product, { versions }]) => {
    const ref = parseProductName(product);
    if (ref === undefined) return [];
    return Object.entries(versions).flatMap(([version, { removal }]): Pending[] =>
      removal === undefined || removal.problem !== undefined
        ? []
        : [{ product, ref: { product: ref, version }, removal }],
    );
  });
}

function advance(current: Catalog, now: number, graceMs: number, isPublic: boolean): Catalog {
  return mapRemovals(current, (removal, { files }) => {
    if (removal.condemned || removal.problem !== undefined) return removal;
    if (removal.unnamedAt === undefined) return isPublic ? { ...removal, unnamedAt: now } : removal;
    if (removal.unnamedAt + graceMs > now) return removal;
    // A file that was uploaded again under a withdrawn name may be named by now. That name is not condemned.
    const unnamed = Object.entries(removal.files).filter(([name]) => !Object.hasOwn(files, name));
    return { ...removal, files: Object.fromEntries(unnamed), condemned: true };
  });
}

async function deleteBytes({ store }: PipelineContext, { ref, removal }: Pending): Promise<void> {
  const prefix = versionPrefix(ref);
  // A deletion can be bound to an ETag only, so the files are listed and compared by ETag and time first. A
  // file that was uploaded again must not be deleted, even with the same bytes.
  const listed = await Array.fromAsync(store.list(prefix));
  for (const info of listed) {
    if (!isListed(removal, info.key.slice(prefix.length), info)) continue;
    try {
      await store.remove(info.key, { ifMatch: info.etag });
    } catch (error) {
      // Already deleted, or overwritten since.
      if (!isStoreError(error, 'not_found', 'precondition_failed')) throw error;
    }
  }
}

async function deleteMarker(
  { store }: PipelineContext,
  ref: VersionRef,
  removal: Removal,
): Promise<void> {
  try {
    await store.remove(fileKey(ref, REMOVED_FILE), { ifMatch: removal.etag });
  } catch (error) {
    // A marker that was changed is a new one, with its own removal.
    if (!isStoreError(error, 'not_found', 'precondition_failed')) throw error;
  }
}

function clear(current: Catalog, finished: readonly Pending[]): Catalog {
  const done = new Set(finished.map(({ ref, removal }) => `${versionPrefix(ref)} ${removal.etag}`));
  return mapRemovals(current, (removal, _, ref) =>
    done.has(`${versionPrefix(ref)} ${removal.etag}`) ? undefined : removal,
  );
}

function mapRemovals(
  catalog: Catalog,
  change: (removal: Removal, version: Version, ref: VersionRef) => Removal | undefined,
): Catalog {
  let { products } = catalog;
  for (const { product, ref, removal } of removalsOf(catalog)) {
    const version = products[product]?.versions[ref.version];
    const next = version && change(removal, version, ref);
    if (version === undefined || next === removal) continue;
    const { removal: _, ...rest } = version;
    const isLeft = next !== undefined || Object.keys(rest.files).length > 0;
    const kept = isLeft ? { ...rest, ...(next === undefined ? {} : { removal: next }) } : undefined;
    products = withProduct(products, product, (one) => withVersion(one, ref.version, kept));
  }
  return products === catalog.products ? catalog : { ...catalog, products };
}
