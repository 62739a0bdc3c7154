import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Catalog } from '../../catalog/document.ts';
import {
  EDGE_COMPRESSION_LIMIT,
  IMAGES_KEY,
  INDEX_KEY,
  STREAMS_CACHE_CONTROL,
  STREAMS_CONTENT_TYPE,
} from '../../facts/delivery-policy.ts';
import { compareRevisions, type Revision } from '../../simplestreams/generation.ts';
import { renderImages, renderIndex } from '../../simplestreams/render.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { PipelineContext } from '../context.ts';
import { PipelineError } from '../errors.ts';
import { loadCatalog } from './load-catalog.ts';
import { readPublicFile } from './public-files.ts';

const MAX_TRIES = 20;
/** Off the calling thread, which may be serving clients. */
const gzipped = promisify(gzip);

export interface Publication {
  /** The catalog's generation that the public files have now, or a greater one. */
  readonly generation: number;
  /** The keys written. */
  readonly written: readonly string[];
}

/**
 * Brings the public files up to the catalog: images.json, then index.json, each written when its
 * generation is lower, never when it is equal or higher. Nothing is written while the catalog is being
 * rebuilt. Throws PipelineError `catalog_behind` when what is public is ahead of the stored catalog.
 */
export async function publishStreams(
  context: PipelineContext,
  known?: Catalog,
): Promise<Publication> {
  const catalog = known ?? (await loadCatalog(context.store))?.catalog;
  if (catalog === undefined || catalog.rebuilding) return { generation: 0, written: [] };
  const revision = { catalog: catalog.generation };
  const written: string[] = [];
  const ahead: number[] = [];
  for (const [key, render] of [
    [IMAGES_KEY, renderImages],
    [INDEX_KEY, renderIndex],
  ] as const) {
    const outcome = await bringUp(context, context.store, key, revision, () =>
      render(catalog, revision),
    );
    if (outcome.kind === 'written') written.push(key);
    if (outcome.kind === 'newer') ahead.push(outcome.revision.catalog);
  }
  if (ahead.length > 0) await requireCatalogOf(context, Math.max(...ahead));
  if (written.length > 0) {
    context.log('info', 'published', { generation: catalog.generation, files: written.join(' ') });
  }
  return { generation: Math.max(catalog.generation, ...ahead), written };
}

export type BroughtUp =
  | { readonly kind: 'written' }
  | { readonly kind: 'equal' }
  | { readonly kind: 'newer'; readonly revision: Revision };

/** Writes a public file of `store` unless its revision is equal or newer. */
export async function bringUp(
  context: Pick<PipelineContext, 'pause' | 'random'>,
  store: ObjectStore,
  key: string,
  revision: Revision,
  render: () => Uint8Array,
): Promise<BroughtUp> {
  for (let attempt = 1; ; attempt++) {
    const file = await readPublicFile(store, key);
    if (file.kind === 'ours') {
      const order = compareRevisions(file.revision, revision);
      if (order === 0) return { kind: 'equal' };
      if (order > 0) return { kind: 'newer', revision: file.revision };
    }
    const body = render();
    const compress = body.length > EDGE_COMPRESSION_LIMIT;
    try {
      await store.write(key, compress ? await gzipped(body) : body, {
        condition: file.kind === 'absent' ? { ifAbsent: true } : { ifMatch: file.etag },
        contentType: STREAMS_CONTENT_TYPE,
        cacheControl: STREAMS_CACHE_CONTROL,
        ...(compress ? { contentEncoding: 'gzip' as const } : {}),
      });
      return { kind: 'written' };
    } catch (error) {
      const mayPass = ['precondition_failed', 'conflict', 'not_found', 'unavailable'] as const;
      if (!isStoreError(error, ...mayPass) || attempt >= MAX_TRIES) throw error;
      await context.pause(context.random() * Math.min(1000, 25 * 2 ** attempt));
    }
  }
}

/** A rival that committed and published meanwhile is ahead rightly; a catalog that was set back is not. */
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
