import { CATALOG_KEY } from '../catalog/document.ts';
import { CatalogMemory } from '../pipeline/documents/catalog-memory.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { keepMirror } from './keep.ts';
import type { Mirror } from './mirror.ts';
import type { ETag } from '../storage/object-store.ts';
import { errorText } from '../log/error-text.ts';

export interface MirrorsOptions {
  readonly context: PipelineContext;
  readonly mirrors: readonly Mirror[];
  /** Milliseconds between the end of a name on a mirror and the deletion of its bytes. */
  readonly graceMs: number;
  /** Milliseconds between two checks of the master's catalog. */
  readonly pollMs: number;
}

/**
 * Milliseconds after which a mirror is handled although its master is unchanged: a grace may have ended, or a
 * copy failed.
 */
const TICK_MS = 60_000;
/** Milliseconds between two listings of a mirror when no change is known. */
const LOOK_EVERY_MS = 15 * 60_000;
const FIRST_BACKOFF_MS = 2000;

/**
 * Keeps mirrors up to the master. Each has its own loop, so that a mirror that is down does not delay the
 * others. They follow the master's catalog, whether this process writes it or another.
 */
export function startMirrors(options: MirrorsOptions): { close(): Promise<void> } {
  const abort = new AbortController();
  const loops = options.mirrors.map((mirror) => keep(mirror, options, abort.signal));
  return {
    async close() {
      abort.abort();
      await Promise.all(loops);
    },
  };
}

async function keep(
  mirror: Mirror,
  { context, graceMs, pollMs }: MirrorsOptions,
  signal: AbortSignal,
): Promise<void> {
  const { now, pause, log } = context;
  const memory = new CatalogMemory();
  let lookedAt = -Infinity;
  let failures = 0;
  const isOver = () => signal.aborted;
  while (!isOver()) {
    const began = now();
    const seen = await catalogEtag(context);
    const quick = failures === 0 && began - lookedAt < LOOK_EVERY_MS;
    try {
      const report = await keepMirror(context, mirror, { signal, graceMs, memory, quick });
      if (!quick) lookedAt = began;
      const [failure] = report.failures.values();
      if (failure !== undefined) throw new Error(errorText(failure), { cause: failure });
      failures = 0;
    } catch (error) {
      if (isOver()) return;
      failures += 1;
      log('error', 'a mirror could not be brought up to date and is tried again', {
        mirror: mirror.name,
        error: errorText(error),
        failures,
      });
    }
    const backoff = failures > 0 ? FIRST_BACKOFF_MS * 2 ** Math.min(failures - 1, 10) : TICK_MS;
    const until = now() + Math.min(backoff, TICK_MS);
    while (!isOver() && now() < until) {
      await pause(Math.min(pollMs, Math.max(0, until - now())), signal);
      // After a failure, changes of the master do not end the wait.
      if (failures === 0 && (await catalogEtag(context)) !== seen) break;
    }
  }
}

/** Returns undefined when there is none or the master cannot be read. The fan-out then reports the reason. */
async function catalogEtag({ store }: PipelineContext): Promise<ETag | undefined> {
  try {
    return (await store.stat(CATALOG_KEY))?.etag;
  } catch {
    return undefined;
  }
}
