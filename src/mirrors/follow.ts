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
  /** Milliseconds between the end of a name on a mirror and the end of its bytes. */
  readonly graceMs: number;
  /** Milliseconds between two looks at the master's catalog. */
  readonly pollMs: number;
}

/** Milliseconds after which a mirror is worked on though its master is the same: graces end, copies failed. */
const TICK_MS = 60_000;
/** Milliseconds between two looks at what a mirror itself holds when nothing is known to have changed. */
const LOOK_EVERY_MS = 15 * 60_000;
const FIRST_BACKOFF_MS = 2000;

/**
 * Keeps mirrors up to the master, each in a loop of its own, so that one that is down delays no other. The
 * master's catalog is what is followed, whoever writes it: this process or another.
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
      // A mirror that fails is left in peace, whatever the master does.
      if (failures === 0 && (await catalogEtag(context)) !== seen) break;
    }
  }
}

/** Undefined when there is none, or the master cannot be asked: the fan-out then says why. */
async function catalogEtag({ store }: PipelineContext): Promise<ETag | undefined> {
  try {
    return (await store.stat(CATALOG_KEY))?.etag;
  } catch {
    return undefined;
  }
}
