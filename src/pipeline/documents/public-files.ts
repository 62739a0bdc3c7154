import { IMAGES_KEY, INDEX_KEY } from '../../facts/delivery-policy.ts';
import { readGeneration, type Revision } from '../../simplestreams/generation.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ETag, ObjectStore } from '../../storage/object-store.ts';
import { collect } from '../read-bytes.ts';

/** Both public files start with their generation; this many bytes hold it, compressed or not. */
const HEAD_BYTES = 512;

/** What a public file is, by its first bytes. */
export type PublicFile =
  | { readonly kind: 'absent' }
  | { readonly kind: 'ours'; readonly etag: ETag; readonly revision: Revision }
  /** Written by another program, or damaged. */
  | { readonly kind: 'foreign'; readonly etag: ETag };

/** Looks at a public file in one small ranged read. */
export async function readPublicFile(store: ObjectStore, key: string): Promise<PublicFile> {
  try {
    const body = await store.read(key, { range: { start: 0, end: HEAD_BYTES } });
    const revision = readGeneration(await collect(body));
    const { etag } = body.info;
    return revision === undefined ? { kind: 'foreign', etag } : { kind: 'ours', etag, revision };
  } catch (error) {
    if (isStoreError(error, 'not_found')) return { kind: 'absent' };
    throw error;
  }
}

/** What is public now: whose it is, and the greatest catalog generation that it names (0 for none). */
export async function readPublicState(
  store: ObjectStore,
): Promise<{ readonly kind: PublicFile['kind']; readonly generation: number }> {
  const files = await Promise.all([IMAGES_KEY, INDEX_KEY].map((key) => readPublicFile(store, key)));
  const ours = files.flatMap((file) => (file.kind === 'ours' ? [file.revision.catalog] : []));
  const generation = Math.max(0, ...ours);
  if (files.some((file) => file.kind === 'foreign')) return { kind: 'foreign', generation };
  return { kind: ours.length > 0 ? 'ours' : 'absent', generation };
}
