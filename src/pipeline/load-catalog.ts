import { parseCatalog } from '../catalog/codec.ts';
import { CATALOG_KEY, type Catalog } from '../catalog/document.ts';
import { isStoreError } from '../storage/errors.ts';
import type { ETag, ObjectStore } from '../storage/object-store.ts';
import { PipelineError } from './errors.ts';
import { collect } from './read-bytes.ts';
import { assertStoreIsThere } from './store-presence.ts';

export interface LoadedCatalog {
  readonly catalog: Catalog;
  readonly etag: ETag;
}

/**
 * The stored catalog; undefined when there is none. Throws PipelineError `catalog_unreadable` or
 * `catalog_newer`, and the store's errors.
 */
export async function loadCatalog(store: ObjectStore): Promise<LoadedCatalog | undefined> {
  const stored = await readCatalogText(store);
  if (stored === undefined) return undefined;
  const parsed = parseCatalog(stored.text);
  switch (parsed.kind) {
    case 'catalog':
      return { catalog: parsed.catalog, etag: stored.etag };
    case 'newer':
      throw new PipelineError(
        'catalog_newer',
        `${CATALOG_KEY} in ${store.url} has schema ${parsed.schema}, which this version does not know: ` +
          'upgrade bucketstreams. Nothing was changed.',
      );
    case 'unreadable':
      throw new PipelineError(
        'catalog_unreadable',
        `${CATALOG_KEY} in ${store.url} is damaged (${parsed.problem}). What is published stays. ` +
          'Put an earlier version of the object back where the bucket keeps versions, or run ' +
          '`bucketstreams update` to rebuild it from its last copy and the images.',
      );
  }
}

/** The stored catalog's bytes, readable or not; undefined when there is none. */
export async function readCatalogText(
  store: ObjectStore,
): Promise<{ readonly text: string; readonly etag: ETag } | undefined> {
  try {
    const body = await store.read(CATALOG_KEY);
    return { text: (await collect(body)).toString('utf8'), etag: body.info.etag };
  } catch (error) {
    if (!isStoreError(error, 'not_found')) throw error;
    await assertStoreIsThere(store);
    return undefined;
  }
}
