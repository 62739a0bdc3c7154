import type { ObjectStore } from '../../storage/object-store.ts';

/**
 * Rejects with a StoreError when the store's bucket or directory is missing or denies access. Call it after
 * `not_found` for an object: a read gives the same error for both cases, but a listing does not.
 */
export async function assertStoreIsThere(store: ObjectStore): Promise<void> {
  for await (const _ of store.list('catalog/')) return;
}
