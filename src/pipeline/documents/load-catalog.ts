import { parseCatalog } from '../../catalog/codec.ts';
import { CATALOG_KEY } from '../../catalog/document.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ETag, ObjectStore } from '../../storage/object-store.ts';
import { PipelineError } from '../errors.ts';
import { collect } from '../read-bytes.ts';
import { assertStoreIsThere } from './store-presence.ts';
import type { LoadedCatalog } from '../loaded-catalog.ts';

/**
 * The stored catalog; undefined when there is none. One that is still as it was when it was `known` is not
 * read again. Throws PipelineError `catalog_unreadable` or `catalog_newer`, and the store's errors.
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

/**
 * The stored catalog's bytes, readable or not; undefined when there is none. No text when it still has the
 * ETag that is known: nothing but the answer's head is read then.
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
