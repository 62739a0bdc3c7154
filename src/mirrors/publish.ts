import { namedImages } from './ledger/selection.ts';
import { IMAGES_KEY, INDEX_KEY } from '../facts/delivery-policy.ts';
import type { ListedImage } from '../simplestreams/listing.ts';
import { renderImages, renderIndex } from '../simplestreams/render.ts';
import { revisionOf, type MirrorRound } from './commit.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import type { Mirror } from './mirror.ts';
import { bringUp } from '../pipeline/documents/publish-streams.ts';

/**
 * Brings the mirror's public files up to its document: images.json, then index.json, of the master's
 * catalog, restricted to what is proven on the mirror. Never over a later state. Whether anything
 * was written.
 */
export async function publishMirror(
  context: PipelineContext,
  { name, store }: Mirror,
  { document, catalog, images }: Pick<MirrorRound, 'document' | 'catalog' | 'images'>,
): Promise<boolean> {
  if (document.adopting) return false;
  const revision = revisionOf(document);
  const named = new Set(namedImages(catalog, images, document).map(identity));
  const isNamed = (image: ListedImage) => named.has(identity(image));
  let written = 0;
  for (const [key, render] of [
    [IMAGES_KEY, renderImages],
    [INDEX_KEY, renderIndex],
  ] as const) {
    const outcome = await bringUp(context, store, key, revision, () =>
      render(catalog, revision, isNamed),
    );
    if (outcome.kind === 'written') written += 1;
  }
  if (written === 0) return false;
  const { generation } = document;
  context.log('info', 'mirror published', {
    mirror: name,
    generation,
    revision: document.revision,
    images: named.size,
  });
  return true;
}

function identity({ product, version, client, file }: ListedImage): string {
  return `${product} ${version} ${client} ${file}`;
}
