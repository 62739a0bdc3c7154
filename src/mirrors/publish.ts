import { namedImages } from './ledger/selection.ts';
import type { ListedImage } from '../simplestreams/listing.ts';
import { revisionOf, type MirrorRound } from './commit.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import type { Mirror } from './mirror.ts';
import { publishDocuments } from '../pipeline/documents/publish-documents.ts';

/**
 * Brings the mirror's public documents up to its own: they show the master's catalog, restricted to what is
 * proven on the mirror. Returns whether anything was written.
 */
export async function publishMirror(
  context: PipelineContext,
  { name, store }: Mirror,
  { document, catalog, images }: Pick<MirrorRound, 'document' | 'catalog' | 'images'>,
): Promise<boolean> {
  if (document.adopting) return false;
  const named = new Set(namedImages(catalog, images, document).map(identity));
  const state = {
    catalog,
    revision: revisionOf(document),
    isListed: (image: ListedImage) => named.has(identity(image)),
  };
  const { written } = await publishDocuments(context, store, state, { mirror: name });
  if (written.length === 0) return false;
  const { generation, revision } = document;
  context.log('info', 'mirror published', {
    mirror: name,
    generation,
    revision,
    images: named.size,
  });
  return true;
}

function identity({ product, version, client, file }: ListedImage): string {
  return `${product} ${version} ${client} ${file}`;
}
