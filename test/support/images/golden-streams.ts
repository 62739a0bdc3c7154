import { join } from 'node:path';
import { renderImages, renderIndex } from '../../../src/simplestreams/render.ts';
import { emptyCatalog, goldenCatalog } from './golden-images.ts';

/** Where the golden public files lie. */
export const GOLDEN = join(import.meta.dirname, '../../golden');

/** What the golden public files should hold, by their paths below GOLDEN. */
export function goldenStreams(): ReadonlyMap<string, Uint8Array> {
  const stores = { full: goldenCatalog, empty: emptyCatalog };
  return new Map(
    Object.entries(stores).flatMap(([name, catalog]) => {
      const revision = { catalog: catalog.generation };
      return [
        [`${name}/streams/v1/images.json`, renderImages(catalog, revision)] as const,
        [`${name}/streams/v1/index.json`, renderIndex(catalog, revision)] as const,
      ];
    }),
  );
}
