import type { Catalog } from '../../catalog/document.ts';
import type { PipelineContext } from '../context.ts';
import { PipelineError } from '../errors.ts';
import { loadCatalog } from './load-catalog.ts';
import { publishDocuments } from './publish-documents.ts';

export interface Publication {
  /** The public files now have this generation of the catalog, or a greater one. */
  readonly generation: number;
  /** The keys written. */
  readonly written: readonly string[];
}

/**
 * Brings the master's public documents up to its catalog. Writes nothing while the catalog is being rebuilt.
 * Throws PipelineError `catalog_behind` when the public files are ahead of the stored catalog.
 */
export async function publishStreams(
  context: PipelineContext,
  known?: Catalog,
): Promise<Publication> {
  const catalog = known ?? (await loadCatalog(context.store))?.catalog;
  if (catalog === undefined || catalog.rebuilding) return { generation: 0, written: [] };
  const { generation } = catalog;
  const state = { catalog, revision: { catalog: generation } };
  const { written, ahead } = await publishDocuments(context, context.store, state);
  const reached = ahead.map((revision) => revision.catalog);
  if (reached.length > 0) await requireCatalogOf(context, Math.max(...reached));
  if (written.length > 0) {
    context.log('info', 'published', { generation, files: written.join(' ') });
  }
  return { generation: Math.max(generation, ...reached), written };
}

/**
 * Public files are rightly ahead when another writer has committed and published since. They are wrongly
 * ahead when an older catalog was put back.
 */
async function requireCatalogOf(context: PipelineContext, generation: number): Promise<void> {
  const stored = await loadCatalog(context.store);
  if (stored !== undefined && stored.catalog.generation >= generation) return;
  throw new PipelineError(
    'catalog_behind',
    `the public files of ${context.store.url} have generation ${generation}, the catalog has ` +
      `${stored?.catalog.generation ?? 0}: an older catalog was put back. What is published stays. ` +
      'Run `bucketstreams update` to bring the catalog up from the images.',
  );
}
