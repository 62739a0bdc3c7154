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
  /** Milliseconds between two scans. */
  readonly scanEveryMs: number;
  /** Milliseconds between withdrawing a version's names and deleting its bytes. */
  readonly removalGraceMs: number;
  /**
   * Applies the removal guard to reported changes too, as a scan does. For directories: an unmounted disk looks
   * like many removals at once. A bucket reports only objects that were really deleted.
   */
  readonly guard: boolean;
  /** The sources of changes. They start before the first scan, so that no change is missed. */
  readonly sources: readonly ChangeSource[];
  /** Called after each completed scan. */
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
 * Keeps a store's public files up to date with its images. Reported changes are indexed at once; the next scan
 * finds the others. Resolves after the first scan and publication; new images may still be in progress then.
 * Rejects when the store cannot be used, or belongs to another program.
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
    const scans = repeat(
      scanEveryMs,
      () => scan(options, dirty),
      (error) => log('error', 'the scan failed and is retried', { error: errorText(error) }),
      { failed },
    );
    closers.push(() => scans.close());
    return { close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Runs the first scan. Returns whether it failed in a way that still allows to serve the published files. Rejects
 * with any other error.
 */
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
  { context, removalGraceMs, onScan }: ServiceOptions,
  dirty: DirtySet,
): Promise<void> {
  const found = await scanStore(context, {});
  dirty.add(found.dirty);
  await publishStreams(context);
  const removals = await finishRemovals(context, { graceMs: removalGraceMs });
  dirty.add(removals.deleted);
  dirty.add(await clearUploads(context));
  const { heldRemovals, refused } = found;
  onScan?.({ endedAt: context.now(), dirty: found.dirty.length, heldRemovals, refused });
}
