import { REVISION_BYTES, type Revision } from '../../simplestreams/generation.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ETag, ObjectStore } from '../../storage/object-store.ts';
import { collect } from '../read-bytes.ts';
import { followsCatalog, type PublicDocument } from './public-documents.ts';

/** The object under the key of a public document, classified by its first bytes. */
export type PublicFile =
  | { readonly kind: 'absent' }
  | { readonly kind: 'ours'; readonly etag: ETag; readonly revision: Revision }
  /** Written by another program, or damaged. */
  | { readonly kind: 'foreign'; readonly etag: ETag };

/** Reads the revision of a public document in one small ranged read. */
export async function readPublicFile(
  store: ObjectStore,
  { key, readRevision }: Pick<PublicDocument, 'key' | 'readRevision'>,
): Promise<PublicFile> {
  try {
    const body = await store.read(key, { range: { start: 0, end: REVISION_BYTES } });
    const revision = readRevision(await collect(body));
    const { etag } = body.info;
    return revision === undefined ? { kind: 'foreign', etag } : { kind: 'ours', etag, revision };
  } catch (error) {
    if (isStoreError(error, 'not_found')) return { kind: 'absent' };
    throw error;
  }
}

/** Returns whose the public files are, and the greatest catalog generation that they name (0 for none). */
export async function readPublicState(
  store: ObjectStore,
  documents: readonly PublicDocument[],
): Promise<{ readonly kind: PublicFile['kind']; readonly generation: number }> {
  const files = await Promise.all(
    documents.filter(followsCatalog).map((document) => readPublicFile(store, document)),
  );
  const ours = files.flatMap((file) => (file.kind === 'ours' ? [file.revision.catalog] : []));
  const generation = Math.max(0, ...ours);
  if (files.some((file) => file.kind === 'foreign')) return { kind: 'foreign', generation };
  return { kind: ours.length > 0 ? 'ours' : 'absent', generation };
}

/** Returns true when every document that follows the catalog shows this generation of it, or a later one. */
export async function isPublic(
  store: ObjectStore,
  documents: readonly PublicDocument[],
  generation: number,
): Promise<boolean> {
  for (const document of documents.filter(followsCatalog)) {
    const file = await readPublicFile(store, document);
    if (file.kind !== 'ours' || file.revision.catalog < generation) return false;
  }
  return true;
}
