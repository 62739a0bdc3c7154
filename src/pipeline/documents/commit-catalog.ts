import { serializeCatalog } from '../../catalog/codec.ts';
import { CATALOG_KEY, type Catalog } from '../../catalog/document.ts';
import { isSame } from '../../catalog/same.ts';
import { commitDocument, MAX_COMMIT_TRIES } from './commit-document.ts';
import type { PipelineContext } from '../context.ts';
import { catalogLost, loadOrCreateCatalog } from './create-catalog.ts';
import { PipelineError } from '../errors.ts';

export interface Committed {
  readonly catalog: Catalog;
  readonly changed: boolean;
  /** True when this call created the catalog. */
  readonly created: boolean;
}

/**
 * Changes the catalog by compare-and-swap; see `commitDocument` for the requirements on `plan`. `plan` gets
 * the catalog that was just read and returns the next one, whose generation is set here. It returns the same
 * catalog or undefined for no change.
 */
export async function commitCatalog(
  context: PipelineContext,
  plan: (current: Catalog) => Promise<Catalog | undefined>,
  options: { readonly adopt?: boolean } = {},
): Promise<Committed> {
  const { store, known = {} } = context;
  let created = false;
  const target = {
    store,
    key: CATALOG_KEY,
    load: async () => {
      const loaded = await loadOrCreateCatalog(context, options);
      created ||= loaded.created;
      return { document: loaded.catalog, etag: loaded.etag };
    },
    serialize: serializeCatalog,
    lost: () => catalogLost(store.url),
    contended: (cause: unknown) => contended(store.url, cause),
    retries: { counter: 'CommitRetries' } as const,
  };
  const { document, etag, changed } = await commitDocument(context, target, async (current) => {
    const next = await plan(current);
    if (next === undefined || changesNothing(current, next)) return undefined;
    return { ...next, generation: Math.max(next.generation, current.generation + 1) };
  });
  known.last = { catalog: document, etag };
  return { catalog: document, changed, created };
}

function changesNothing(before: Catalog, after: Catalog): boolean {
  const { generation } = before;
  return after.generation <= generation && isSame(before, { ...after, generation });
}

function contended(url: string, cause: unknown): PipelineError {
  return new PipelineError(
    'catalog_contended',
    `${CATALOG_KEY} in ${url} could not be changed in ${MAX_COMMIT_TRIES} tries: ` +
      'other writers changed it each time, or the store keeps failing. Nothing is lost; try again.',
    { cause },
  );
}
