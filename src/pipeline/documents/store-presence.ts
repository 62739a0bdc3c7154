import type { ObjectStore } from '../../storage/object-store.ts';

/**
 * Rejects with a StoreError when the store itself, its bucket or directory, is missing or denies access.
 * For callers to whom an object was not found: the answer to a read may mean either, a listing tells.
 */
export async function assertStoreIsThere(store: ObjectStore): Promise<void> {
  for await (const _ of store.list('catalog/')) return;
}
