import { randomUUID } from 'node:crypto';
import { serializeCatalog } from '../../catalog/codec.ts';
import {
  CATALOG_KEY,
  CATALOG_SCHEMA,
  type Catalog,
  type Settings,
} from '../../catalog/document.ts';
import { CLIENTS } from '../../images/file-kinds.ts';
import { IMAGES_PREFIX } from '../../images/layout.ts';
import { DEFAULT_ALIASES } from '../../simplestreams/aliases.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { PipelineContext } from '../context.ts';
import { PipelineError } from '../errors.ts';
import { loadCatalog } from './load-catalog.ts';
import { type LoadedCatalog } from '../loaded-catalog.ts';
import { previousCatalog } from './previous-catalog.ts';
import { readPublicState, type PublicFile } from './public-files.ts';

const DEFAULT_SETTINGS: Settings = {
  clients: CLIENTS,
  aliases: DEFAULT_ALIASES,
  edgeSeconds: 0,
};

/**
 * Loads the catalog. Creates it when the store has none and no public file would be lost by that. With
 * `adopt`, it is also created when the catalog of public files is lost, or when they are another program's.
 * That catalog is `rebuilding`: the public files stay until it contains every image.
 */
export async function loadOrCreateCatalog(
  context: PipelineContext,
  options: { readonly adopt?: boolean } = {},
): Promise<LoadedCatalog & { readonly created: boolean }> {
  const { store, documents } = context;
  const existing = await loadCatalog(store, context.known?.last);
  if (existing !== undefined) return { ...existing, created: false };

  const publicState = await readPublicState(store, documents);
  if (publicState.kind !== 'absent' && options.adopt !== true) {
    // Another writer may have created and published it since.
    const made = await loadCatalog(store);
    if (made !== undefined) return { ...made, created: false };
    throw publicState.kind === 'ours'
      ? catalogLost(store.url)
      : new PipelineError(
          'streams_foreign',
          `the files in streams/v1/ of ${store.url} were written by another program. They stay as they are. ` +
            'Run `bucketstreams init` or `bucketstreams update` to take the store over.',
        );
  }
  await readThrough(context, publicState.kind);
  const catalog =
    publicState.kind === 'absent'
      ? emptyCatalog(context)
      : await rebuildingCatalog(context, publicState.generation);
  try {
    const { etag } = await store.write(CATALOG_KEY, serializeCatalog(catalog), {
      condition: { ifAbsent: true },
      contentType: 'application/json',
    });
    context.log('info', 'catalog created', { store: store.url, generation: catalog.generation });
    return { catalog, etag, created: true };
  } catch (error) {
    if (!isStoreError(error, 'precondition_failed', 'conflict')) throw error;
    const rival = await loadCatalog(store);
    if (rival === undefined) throw error;
    return { ...rival, created: false };
  }
}

/**
 * Returns the catalog that a rebuild starts from: the last copy when there is one, else an empty catalog. Its
 * generation is above every public one. It is not published before it is complete.
 */
export async function rebuildingCatalog(
  context: PipelineContext,
  publicGeneration: number,
): Promise<Catalog> {
  const empty = emptyCatalog(context);
  const previous = await previousCatalog(context.store);
  const generation = Math.max(
    empty.generation,
    publicGeneration + 1,
    (previous?.generation ?? 0) + 1,
  );
  return { ...(previous ?? empty), generation, rebuilding: true };
}

function emptyCatalog(context: PipelineContext): Catalog {
  return {
    schema: CATALOG_SCHEMA,
    store: randomUUID(),
    // Above the generation of every catalog that this store may have had before.
    generation: Math.floor(context.now() / 1000),
    settings: { ...DEFAULT_SETTINGS, ...context.settings },
    products: {},
    ignored: { count: 0, first: [] },
  };
}

export function catalogLost(url: string): PipelineError {
  return new PipelineError(
    'catalog_lost',
    `${CATALOG_KEY} is gone from ${url}, while its public files are there. What is published stays. ` +
      'Put an earlier version of the object back where the bucket keeps versions, or run ' +
      '`bucketstreams update` to rebuild it from its last copy and the images.',
  );
}

/**
 * Rejects when not all images can be listed: a catalog made from a part of them would be wrong. When nothing
 * is public, nothing can be lost, so folders without access are left for later.
 */
async function readThrough({ store }: PipelineContext, streams: PublicFile['kind']): Promise<void> {
  const listing = streams === 'absent' ? { onDenied: () => undefined } : {};
  const iterator = store.list(IMAGES_PREFIX, listing)[Symbol.asyncIterator]();
  while (!(await iterator.next()).done);
}
