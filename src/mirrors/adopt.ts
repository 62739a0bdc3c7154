import { serializeMirror } from './ledger/codec.ts';
import { MIRROR_KEY } from './ledger/document.ts';
import { CatalogMemory } from '../pipeline/documents/catalog-memory.ts';
import { commitCatalog } from '../pipeline/documents/commit-catalog.ts';
import { commitDocument } from '../pipeline/documents/commit-document.ts';
import { masterCatalog, mirrorRetries } from './commit.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { PipelineError } from '../pipeline/errors.ts';
import { loadOrCreateMirror, readMirrorStreams } from './load.ts';
import type { Mirror } from './mirror.ts';
import { publishStreams } from '../pipeline/documents/publish-streams.ts';

/**
 * Makes a store a mirror of this master, whatever it was before. A damaged or lost mirror document is created
 * again and bound to the master. When the mirror is ahead of the master, the master's generation is raised,
 * so that the mirror's generation never falls. `fanOut` then brings the mirror up to date. The mirror's
 * public files stay until `fanOut` has read what the mirror has.
 */
export async function adoptMirror(context: PipelineContext, mirror: Mirror): Promise<void> {
  const catalog = await masterCatalog(context.store, new CatalogMemory());
  const { document } = await loadOrCreateMirror(context, mirror, catalog, true);
  const { greatest } = await readMirrorStreams(mirror.store, context.documents);
  const reached = Math.max(document.generation, greatest?.catalog ?? 0);
  if (reached > catalog.generation) {
    const raised = await commitCatalog(context, (current) =>
      Promise.resolve(
        current.generation < reached ? { ...current, generation: reached + 1 } : current,
      ),
    );
    await publishStreams(context, raised.catalog);
  }
  if (document.store === catalog.store) return;
  const target = {
    store: mirror.store,
    key: MIRROR_KEY,
    load: () => loadOrCreateMirror(context, mirror, catalog, true),
    serialize: serializeMirror,
    lost: () => moved(mirror),
    contended: () => moved(mirror),
    retries: mirrorRetries(mirror),
  };
  await commitDocument(context, target, (current) =>
    Promise.resolve(
      current.store === catalog.store
        ? undefined
        : { ...current, store: catalog.store, revision: current.revision + 1 },
    ),
  );
}

function moved({ store }: Mirror): PipelineError {
  return new PipelineError(
    'mirror_contended',
    `${MIRROR_KEY} in ${store.url} keeps being changed by another fan-out: stop that of its former master first.`,
  );
}
