import { serializeCatalog } from '../../catalog/codec.ts';
import { CATALOG_KEY } from '../../catalog/document.ts';
import { isStoreError } from '../../storage/errors.ts';
import { commitCatalog } from '../documents/commit-catalog.ts';
import type { PipelineContext } from '../context.ts';
import { rebuildingCatalog } from '../documents/create-catalog.ts';
import { scanStore, rebuilt, type ScanOptions } from './scan.ts';
import { isPipelineError } from '../errors.ts';
import { indexVersions, type IndexLimits } from './index-versions.ts';
import { loadCatalog } from '../documents/load-catalog.ts';
import { publishStreams } from '../documents/publish-streams.ts';
import { readPublicState } from '../documents/public-files.ts';

export interface UpdateOptions extends Omit<ScanOptions, 'adopt' | 'alsoDirty'> {
  /** Read every byte again, as if no digest were known. */
  readonly rehash?: boolean;
  readonly signal?: AbortSignal;
}

export interface UpdateReport {
  /** The generation that is public now. */
  readonly generation: number;
  /** Versions and products that differed. */
  readonly indexed: number;
  readonly heldRemovals: number;
  readonly refused: number;
}

/** How often to wait for a version that is still being written. */
const MAX_ROUNDS = 1000;

/**
 * Makes the catalog and the public files reflect the store, whatever they were before. It scans the store and
 * indexes the differences as events do. It rebuilds a damaged or lost catalog and takes over public files of
 * another program. The public files stay as they are until the new catalog has every image.
 */
export async function update(
  context: PipelineContext,
  options: UpdateOptions = {},
): Promise<UpdateReport> {
  await replaceUnreadable(context);
  const scanned = await scanStore(context, {
    ...options,
    adopt: true,
    // A file that could not be read may be readable now. A file that was too large for a function is not too
    // large here.
    alsoDirty: (version) => options.rehash === true || version.verdict !== undefined,
  });
  await passPublicGeneration(context);
  await indexAll(context, scanned.dirty, {
    signal: options.signal,
    doubt: options.rehash ? 'digests' : 'verdicts',
  });
  const finished = await commitCatalog(context, (current) => {
    // An interrupted update has not read every image.
    const isWhole = current.rebuilding && options.signal?.aborted !== true;
    return Promise.resolve(isWhole ? rebuilt(current) : current);
  });
  const { generation } = await publishStreams(context, finished.catalog);
  return {
    generation,
    indexed: scanned.dirty.length,
    heldRemovals: scanned.heldRemovals,
    refused: scanned.refused,
  };
}

/** Indexes until no target has to be retried. */
export async function indexAll(
  context: PipelineContext,
  dirty: readonly string[],
  limits: IndexLimits = {},
): Promise<void> {
  let open = dirty;
  for (let round = 0; open.length > 0 && round < MAX_ROUNDS; round++) {
    const { outcomes } = await indexVersions(context, open, limits);
    const waiting = [...outcomes].flatMap(([prefix, outcome]) =>
      outcome.kind === 'again' ? [{ prefix, afterMs: outcome.afterMs }] : [],
    );
    open = waiting.map(({ prefix }) => prefix);
    if (open.length === 0 || limits.signal?.aborted) return;
    await context.pause(Math.min(...waiting.map(({ afterMs }) => afterMs)), limits.signal);
  }
}

/**
 * A catalog that was set back must get a generation above the public one. Otherwise it could never be
 * published.
 */
async function passPublicGeneration(context: PipelineContext): Promise<void> {
  const { generation } = await readPublicState(context.store, context.documents);
  await commitCatalog(context, (current) =>
    Promise.resolve(
      current.generation < generation ? { ...current, generation: generation + 1 } : current,
    ),
  );
}

/**
 * Replaces a damaged catalog by its last readable copy, or else by an empty catalog. The new catalog is
 * marked as being rebuilt.
 */
async function replaceUnreadable(context: PipelineContext): Promise<void> {
  const { store } = context;
  // The ETag is read before the check: the write below must replace the state that was damaged and no other.
  const damaged = await store.stat(CATALOG_KEY);
  if (damaged === undefined) return;
  try {
    await loadCatalog(store);
    return;
  } catch (error) {
    if (!isPipelineError(error, 'catalog_unreadable')) throw error;
    context.log('warn', 'rebuilding a damaged catalog', { problem: error.message });
  }
  const { generation } = await readPublicState(store, context.documents);
  try {
    await store.write(CATALOG_KEY, serializeCatalog(await rebuildingCatalog(context, generation)), {
      condition: { ifMatch: damaged.etag },
      contentType: 'application/json',
    });
  } catch (error) {
    // Another writer has replaced or repaired it. The present catalog is used.
    if (!isStoreError(error, 'precondition_failed', 'conflict', 'not_found')) throw error;
  }
}
