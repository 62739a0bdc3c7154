import { parseCatalog, serializeCatalog } from '../../catalog/codec.ts';
import { CATALOG_KEY, type Catalog } from '../../catalog/document.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { readBytes } from '../read-bytes.ts';
import type { PipelineContext } from '../context.ts';

/** A copy of the catalog from the last scan, for stores that keep no versions of objects. */
const PREVIOUS_KEY = `${CATALOG_KEY}.previous`;

/** Enough bytes of a stored catalog to contain its generation. */
const HEAD_BYTES = 200;

/**
 * Stores a copy of this catalog, unless the stored copy has its generation already. Store errors are only
 * logged.
 */
export async function keepPrevious(context: PipelineContext, catalog: Catalog): Promise<void> {
  if (catalog.rebuilding) return;
  try {
    if ((await storedGeneration(context.store)) === catalog.generation) return;
    await context.store.write(PREVIOUS_KEY, serializeCatalog(catalog), {
      contentType: 'application/json',
    });
  } catch (error) {
    if (!isStoreError(error)) throw error;
    context.log('warn', 'no copy of the catalog kept', { error: error.message });
  }
}

/** Returns the copy when there is a readable one. With its digests, a rebuild need not read the images. */
export async function previousCatalog(store: ObjectStore): Promise<Catalog | undefined> {
  try {
    const text = (
      await readBytes(store, PREVIOUS_KEY, { limit: Number.MAX_SAFE_INTEGER })
    ).toString();
    const parsed = parseCatalog(text);
    return parsed.kind === 'catalog' ? parsed.catalog : undefined;
  } catch (error) {
    if (isStoreError(error, 'not_found')) return undefined;
    throw error;
  }
}

async function storedGeneration(store: ObjectStore): Promise<number | undefined> {
  try {
    const head = (await readBytes(store, PREVIOUS_KEY, { limit: HEAD_BYTES })).toString();
    const match = /"generation":(\d+)/.exec(head);
    return match ? Number(match[1]) : undefined;
  } catch (error) {
    if (isStoreError(error, 'not_found')) return undefined;
    throw error;
  }
}
