import { serializeCatalog } from '../catalog/codec.ts';
import { CATALOG_KEY, type Catalog } from '../catalog/document.ts';
import { isStoreError } from '../storage/errors.ts';
import type { PipelineContext } from './context.ts';
import { catalogLost, loadOrCreateCatalog } from './create-catalog.ts';
import { PipelineError } from './errors.ts';

/** Enough for a hundred rivals at once: every conflict means that one of them got on. */
const MAX_TRIES = 40;

export interface Committed {
  readonly catalog: Catalog;
  readonly changed: boolean;
  /** Whether the catalog was created on the way. */
  readonly created: boolean;
}

/**
 * Changes the catalog by compare-and-swap. `plan` gets the catalog just read and returns the next one
 * (its generation is set here), or the same or undefined for no change. It must look at the store itself,
 * so that every look is younger than the catalog that it is merged into: a swap that succeeds then proves
 * that nobody committed a younger look in between. It runs again after every conflict, and has to be
 * idempotent: a swap whose answer was lost is found done at the next try.
 */
export async function commitCatalog(
  context: PipelineContext,
  plan: (current: Catalog) => Promise<Catalog | undefined>,
  options: { readonly adopt?: boolean } = {},
): Promise<Committed> {
  let created = false;
  for (let attempt = 1; ; attempt++) {
    const current = await loadOrCreateCatalog(context, options);
    created ||= current.created;
    const next = await plan(current.catalog);
    if (next === undefined || isSame(current.catalog, next)) {
      return { catalog: current.catalog, changed: false, created };
    }
    const catalog = {
      ...next,
      generation: Math.max(next.generation, current.catalog.generation + 1),
    };
    try {
      await context.store.write(CATALOG_KEY, serializeCatalog(catalog), {
        condition: { ifMatch: current.etag },
        contentType: 'application/json',
      });
      return { catalog, changed: true, created };
    } catch (error) {
      if (isStoreError(error, 'not_found')) throw catalogLost(context.store.url);
      // An unknown outcome is looked up like a conflict: the next read tells.
      if (!isStoreError(error, 'precondition_failed', 'conflict', 'unavailable')) throw error;
      if (attempt >= MAX_TRIES) throw contended(context, error);
      context.log('debug', 'catalog changed by another writer, trying again', { attempt });
      const ceiling = Math.min(2000, 25 * 2 ** Math.min(attempt, 8));
      await context.pause(context.random() * ceiling);
    }
  }
}

function isSame(before: Catalog, after: Catalog): boolean {
  if (before === after) return true;
  const bytes = serializeCatalog({ ...after, generation: before.generation });
  return (
    after.generation <= before.generation && Buffer.from(bytes).equals(serializeCatalog(before))
  );
}

function contended(context: PipelineContext, cause: unknown): PipelineError {
  return new PipelineError(
    'catalog_contended',
    `${CATALOG_KEY} in ${context.store.url} could not be changed in ${MAX_TRIES} tries: ` +
      'other writers changed it each time, or the store keeps failing. Nothing is lost; try again.',
    { cause },
  );
}
