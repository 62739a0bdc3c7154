import type { ObjectStore } from '../../storage/object-store.ts';
import { CATALOG_KEY } from '../../catalog/document.ts';
import { loadCatalog } from './load-catalog.ts';
import { type LoadedCatalog } from '../loaded-catalog.ts';

/** Keeps the master's catalog between looks. Loading a catalog that has not changed costs one `stat`. */
export class CatalogMemory {
  #last: { readonly url: string; readonly loaded: LoadedCatalog } | undefined;

  async load(store: ObjectStore): Promise<LoadedCatalog | undefined> {
    const last = this.#last;
    if (last?.url === store.url && (await store.stat(CATALOG_KEY))?.etag === last.loaded.etag) {
      return last.loaded;
    }
    const loaded = await loadCatalog(store);
    this.#last = loaded && { url: store.url, loaded };
    return loaded;
  }
}
