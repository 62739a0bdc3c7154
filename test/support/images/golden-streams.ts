import { join } from 'node:path';
import { renderImages, renderIndex } from '../../../src/simplestreams/render.ts';
import { emptyCatalog, goldenCatalog } from './golden-images.ts';

/** The folder with the golden public files. */
export const GOLDEN = join(import.meta.dirname, '../../golden');

/** The expected content of the golden public files, by their paths below GOLDEN. */
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
