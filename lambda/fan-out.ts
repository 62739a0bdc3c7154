import { CatalogMemory } from '../src/pipeline/documents/catalog-memory.ts';
import type { FanOutReport } from '../src/mirrors/fan-out.ts';
import { keepMirror } from '../src/mirrors/keep.ts';
import type { Mirror } from '../src/mirrors/mirror.ts';
import { openStore } from '../src/storage/open-store.ts';
import { functionContext, type Invocation } from './function-context.ts';
import { emitMetrics } from './metrics.ts';
import { parseMirrorSettings } from './mirror-settings.ts';
import { storeLocation } from './store-location.ts';

/** Milliseconds between two looks at the mirror itself when nothing is known to have changed. */
const LOOK_EVERY = 15 * 60_000;

const world = functionContext();
const mirror = openMirror();
const memory = new CatalogMemory();
let lookedAt = -Infinity;
/** When this process first found the mirror behind, in milliseconds since 1970. */
let behindSince: number | undefined;

/**
 * Brings one mirror up to the master, whatever it is told: news of the master's public files and ticks of the
 * clock ask for the same. A mirror that cannot be worked on is told of by a metric, and the messages are
 * taken all the same: none is named as a batch item failure, for it would say no more than the next tick,
 * which comes within a minute, and after five returns would fill the dead letters.
 */
export async function handler(_event: unknown, invocation: Invocation): Promise<void> {
  const { context } = await world;
  const target = await mirror;
  const now = context.now();
  const remaining = invocation.getRemainingTimeInMillis();
  const quick = now - lookedAt < LOOK_EVERY;
  try {
    const report = await keepMirror(context, target, {
      deadline: now + remaining,
      invocationMs: remaining,
      quick,
      memory,
    });
    if (!quick) lookedAt = now;
    const isQuiet = quick && report.copied === 0 && report.missing.files === 0;
    await tell(target.name, report);
    context.log(isQuiet ? 'debug' : 'info', 'mirror kept', {
      mirror: target.name,
      generation: report.generation,
      revision: report.revision,
      copied: report.copied,
      missing: report.missing.files,
      failures: report.failures.size,
      request: invocation.awsRequestId,
    });
  } catch (error) {
    behindSince ??= now;
    emitMetrics(
      { MirrorFailures: 1, MirrorLagSeconds: (context.now() - behindSince) / 1000 },
      { Mirror: target.name },
    );
    context.log('error', 'mirror not kept', {
      mirror: target.name,
      error: String(error),
      request: invocation.awsRequestId,
    });
  }
}

async function tell(name: string, report: FanOutReport): Promise<void> {
  const { context } = await world;
  const catalog = (await memory.load(context.store))?.catalog;
  const generations = Math.max(0, (catalog?.generation ?? 0) - report.generation);
  if (generations === 0 && report.missing.files === 0) behindSince = undefined;
  else behindSince ??= context.now();
  emitMetrics(
    {
      MirrorLagGenerations: generations,
      MirrorLagSeconds: behindSince === undefined ? 0 : (context.now() - behindSince) / 1000,
      MirrorFailures: report.failures.size,
      BytesCopied: report.copiedBytes,
    },
    { Mirror: name },
  );
}

async function openMirror(): Promise<Mirror> {
  const { store: url, ...settings } = parseMirrorSettings(process.env['MIRROR_SETTINGS'] ?? '{}');
  const store = await openStore({ location: storeLocation('MIRROR_SETTINGS: store', url) });
  return { name: process.env['MIRROR_NAME'] ?? '', store, ...settings };
}
