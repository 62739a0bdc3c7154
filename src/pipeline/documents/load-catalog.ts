import { parseCatalog } from '../../catalog/codec.ts';
import { CATALOG_KEY } from '../../catalog/document.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ETag, ObjectStore } from '../../storage/object-store.ts';
import { PipelineError } from '../errors.ts';
import { collect } from '../read-bytes.ts';
import { assertStoreIsThere } from './store-presence.ts';
import type { LoadedCatalog } from '../loaded-catalog.ts';

/**
 * Returns the stored catalog; undefined when there is none. It is not read again when its ETag is still that
 * of `known`. Throws PipelineError `catalog_unreadable` or `catalog_newer`, and the store's errors.
 */
export async function loadCatalog(
  store: ObjectStore,
  known?: LoadedCatalog,
): Promise<LoadedCatalog | undefined> {
  const stored = await readCatalogText(store, known?.etag);
  if (stored === undefined) return undefined;
  if (stored.text === undefined) return known;
  const parsed = parseCatalog(stored.text);
  switch (parsed.kind) {
    case 'catalog':
      return { catalog: parsed.catalog, etag: stored.etag };
    case 'newer':
      throw new PipelineError(
        'catalog_newer',
        `${CATALOG_KEY} in ${store.url} has schema ${parsed.schema}, which this version does not support: ` +
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

/**
 * Returns the stored catalog's text, readable or not; undefined when there is none. The text is absent when
 * the ETag is `known`: only the head of the response is read then.
 */
async function readCatalogText(
  store: ObjectStore,
  known: ETag | undefined,
): Promise<{ readonly text?: string; readonly etag: ETag } | undefined> {
  try {
    const body = await store.read(CATALOG_KEY);
    const { etag } = body.info;
    if (etag !== known) return { text: (await collect(body)).toString('utf8'), etag };
    body.stream.destroy();
    return { etag };
  } catch (error) {
    if (!isStoreError(error, 'not_found')) throw error;
    await assertStoreIsThere(store);
    return undefined;
  }
}
