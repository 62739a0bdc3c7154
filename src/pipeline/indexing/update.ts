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
  /** Read every byte again, as if nothing were known. */
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

/** A version that keeps being written to is waited for this many times. */
const MAX_ROUNDS = 1000;

/**
 * Makes the catalog and the public files reflect the store, whatever was there before: it enumerates and
 * feeds the same use case as events do. A damaged or lost catalog is rebuilt, and public files of another
 * program are taken over; what is public stays as it is until the new catalog knows every image.
 */
export async function update(
  context: PipelineContext,
  options: UpdateOptions = {},
): Promise<UpdateReport> {
  await replaceUnreadable(context);
  const enumeration = await scanStore(context, {
    ...options,
    adopt: true,
    // What could not be read may be readable now, and what was too large for a function is not for us.
    alsoDirty: (version) => options.rehash === true || version.verdict !== undefined,
  });
  await passPublicGeneration(context);
  await indexAll(context, enumeration.dirty, {
    signal: options.signal,
    doubt: options.rehash ? 'digests' : 'verdicts',
  });
  const finished = await commitCatalog(context, (current) => {
    // Interrupted, it does not know every image yet.
    const isWhole = current.rebuilding && options.signal?.aborted !== true;
    return Promise.resolve(isWhole ? rebuilt(current) : current);
  });
  const { generation } = await publishStreams(context, finished.catalog);
  return {
    generation,
    indexed: enumeration.dirty.length,
    heldRemovals: enumeration.heldRemovals,
    refused: enumeration.refused,
  };
}

/** Indexes until nothing is left to be waited for. */
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

/** A catalog that was set back must pass what is public, or it could never be published. */
async function passPublicGeneration(context: PipelineContext): Promise<void> {
  const { generation } = await readPublicState(context.store, context.documents);
  await commitCatalog(context, (current) =>
    Promise.resolve(
      current.generation < generation ? { ...current, generation: generation + 1 } : current,
    ),
  );
}

/**
 * Puts the last readable copy, or else an empty catalog, in the place of a damaged one, marked as being
 * rebuilt.
 */
async function replaceUnreadable(context: PipelineContext): Promise<void> {
  const { store } = context;
  // Before it is judged: what is written below must replace what was found damaged and nothing else.
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
    // A rival has replaced or mended it: what is there now decides.
    if (!isStoreError(error, 'precondition_failed', 'conflict', 'not_found')) throw error;
  }
}
