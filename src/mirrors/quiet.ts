import type { MirrorDocument } from './ledger/document.ts';
import { missingFiles } from './ledger/work.ts';
import { wantedFiles, type WantedFile } from './ledger/selection.ts';
import { compareRevisions } from '../simplestreams/generation.ts';
import { listedEntries } from '../simplestreams/listing.ts';
import type { CatalogMemory } from '../pipeline/documents/catalog-memory.ts';
import { masterCatalog, revisionOf } from './commit.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { loadMirror, readMirrorStreams } from './load.ts';
import type { Mirror } from './mirror.ts';

export interface QuietMirror {
  readonly document: MirrorDocument;
  readonly wanted: ReadonlyMap<string, WantedFile>;
}

/**
 * Returns the mirror's document when it and the public files show that there is nothing to do; else
 * undefined. It lists nothing, so only a look finds objects that another program deleted on the mirror.
 */
export async function quietMirror(
  context: PipelineContext,
  mirror: Mirror,
  memory: CatalogMemory,
  graceMs: number,
): Promise<QuietMirror | undefined> {
  const document = (await loadMirror(mirror))?.document;
  if (document === undefined || document.adopting) return undefined;
  const catalog = await masterCatalog(context.store, memory);
  if (document.store !== catalog.store || document.generation !== catalog.generation) {
    return undefined;
  }
  if (JSON.stringify(document.filter) !== JSON.stringify(mirror.filter)) return undefined;
  const { least, hasConstants } = await readMirrorStreams(mirror.store, context.documents);
  if (!hasConstants || least === undefined) return undefined;
  if (compareRevisions(least, revisionOf(document)) !== 0) return undefined;
  const wanted = wantedFiles([...listedEntries(catalog)], mirror.filter);
  if (missingFiles(document, wanted).files > 0) return undefined;
  const edgeMs = catalog.settings.edgeSeconds * 1000;
  if (isDue(document, context.now(), graceMs + edgeMs)) return undefined;
  return { document, wanted };
}

function isDue(document: MirrorDocument, now: number, graceMs: number): boolean {
  const { pendingDeletion, embargoed, tombstones } = document;
  return (
    Object.values(pendingDeletion).some(
      ({ unnamedAt, condemned }) => condemned || (unnamedAt ?? 0) + graceMs <= now,
    ) ||
    [...Object.values(embargoed), ...Object.values(tombstones)].some(({ until }) => until <= now)
  );
}
