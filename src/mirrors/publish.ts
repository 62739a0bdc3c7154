import { namedEntries } from './ledger/selection.ts';
import { listedFiles } from '../catalog/listed-files.ts';
import type { ListedEntry } from '../simplestreams/listing.ts';
import { revisionOf, type MirrorRound } from './commit.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import type { Mirror } from './mirror.ts';
import { publishDocuments } from '../pipeline/documents/publish-documents.ts';

/**
 * Brings the mirror's public documents up to its mirror document. They show the master's catalog, restricted
 * to what is proven on the mirror. Returns true when something was written.
 */
export async function publishMirror(
  context: PipelineContext,
  { name, store }: Mirror,
  { document, catalog, listed }: Pick<MirrorRound, 'document' | 'catalog' | 'listed'>,
): Promise<boolean> {
  if (document.adopting) return false;
  const named = namedEntries(listed, document);
  const keys = new Set(listedFiles(named).map(({ key }) => key));
  const state = {
    catalog,
    revision: revisionOf(document),
    isListed: ({ files }: ListedEntry) => files.every(({ key }) => keys.has(key)),
  };
  const { written } = await publishDocuments(context, store, state, { mirror: name });
  if (written.length === 0) return false;
  const { generation, revision } = document;
  context.log('info', 'mirror published', {
    mirror: name,
    generation,
    revision,
    images: named.filter(({ image }) => image !== undefined).length,
  });
  return true;
}
