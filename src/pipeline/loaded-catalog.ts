import { type Catalog } from '../catalog/document.ts';
import type { ETag } from '../storage/object-store.ts';

export interface LoadedCatalog {
  readonly catalog: Catalog;
  readonly etag: ETag;
}
