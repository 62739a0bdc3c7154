import type { PipelineContext } from '../pipeline/context.ts';
import { scanStore } from '../pipeline/indexing/scan.ts';
import { isPipelineError } from '../pipeline/errors.ts';
import { indexVersions } from '../pipeline/indexing/index-versions.ts';
import { publishStreams } from '../pipeline/documents/publish-streams.ts';
import { finishRemovals } from '../pipeline/removal/finish-removals.ts';
import { isStoreError } from '../storage/errors.ts';
import { clearUploads } from '../publishing/clear-uploads.ts';
import { createDirtySet, type DirtySet } from './changes/dirty-set.ts';
import { repeat } from './periodic.ts';
import type { ChangeSource } from './changes/change-source.ts';
import { errorText } from '../log/error-text.ts';

export interface ServiceOptions {
  readonly context: PipelineContext;
  /** Milliseconds between two enumerations. */
  readonly scanEveryMs: number;
  /** Milliseconds between the end of a removed version's names and the end of its bytes. */
  readonly removalGraceMs: number;
  /**
   * Whether many versions found gone at once are held back, as an enumeration does: for directories, where an
   * unmounted disk looks like that. A bucket tells of objects that were deleted.
   */
  readonly guard: boolean;
  /** Where changes are told from; each is started before the first enumeration, so that none is missed. */
  readonly sources: readonly ChangeSource[];
  /** Called after each enumeration that was completed. */
  readonly onScan?: (report: ScanSummary) => void;
}

export interface ScanSummary {
  /** Milliseconds since 1970. */
  readonly endedAt: number;
  /** Versions and products that differed from the catalog. */
  readonly dirty: number;
  readonly heldRemovals: number;
  readonly refused: number;
}

export interface Service {
  close(): Promise<void>;
}

/**
 * Keeps a store's public files true to its images: what sources report at once, what they miss with the
 * next enumeration. Resolves after the first enumeration and publication, when the images that are new
 * may still be in work. Rejects when the store cannot be used at all or belongs to another program.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { context, scanEveryMs } = options;
  const { log } = context;
  const dirty = createDirtySet({
    work: async (batch, signal) =>
      (await indexVersions(context, batch, { signal, guard: options.guard })).outcomes,
    log,
    random: context.random,
  });
  const closers: (() => Promise<void>)[] = [() => dirty.close()];
  const close = async () => {
    await Promise.all(closers.splice(0).map((end) => end()));
  };
  try {
    for (const source of options.sources) {
      const started = await source((prefixes) => dirty.add(prefixes));
      closers.push(() => started.close());
    }
    const failed = await firstScan(options, dirty);
    const sweeps = repeat(
      scanEveryMs,
      () => scan(options, dirty),
      (error) =>
        log('error', 'the enumeration failed and is tried again', { error: errorText(error) }),
      { failed },
    );
    closers.push(() => sweeps.close());
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Whether the first sweep failed in a way with which what is published is still worth serving. */
async function firstScan(options: ServiceOptions, dirty: DirtySet): Promise<boolean> {
  try {
    await scan(options, dirty);
    return false;
  } catch (error) {
    const foreign = isPipelineError(error, 'streams_foreign');
    if (foreign || !(isPipelineError(error) || isStoreError(error, 'no_space'))) throw error;
    options.context.log('error', 'only what is published already is served', {
      error: errorText(error),
    });
    return true;
  }
}

async function scan(
  { context, removalGraceMs, onScan: onSweep }: ServiceOptions,
  dirty: DirtySet,
): Promise<void> {
  const found = await scanStore(context, {});
  dirty.add(found.dirty);
  await publishStreams(context);
  const removals = await finishRemovals(context, { graceMs: removalGraceMs });
  dirty.add(removals.deleted);
  dirty.add(await clearUploads(context));
  const { heldRemovals, refused } = found;
  onSweep?.({ endedAt: context.now(), dirty: found.dirty.length, heldRemovals, refused });
}
