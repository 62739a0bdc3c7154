import { CatalogMemory } from '../src/pipeline/documents/catalog-memory.ts';
import type { FanOutReport } from '../src/mirrors/fan-out.ts';
import { keepMirror } from '../src/mirrors/keep.ts';
import type { MetricLabels } from '../src/log/meter.ts';
import type { Mirror } from '../src/mirrors/mirror.ts';
import { openStore } from '../src/storage/open-store.ts';
import { functionContext, type Invocation } from './function-context.ts';
import { parseMirrorSettings } from './mirror-settings.ts';
import { storeLocation } from './store-location.ts';

/** Milliseconds between two listings of the mirror when no change is known. */
const LOOK_EVERY = 15 * 60_000;

const world = functionContext();
const mirror = openMirror();
const memory = new CatalogMemory();
let lookedAt = -Infinity;
/** The time at which this process first found the mirror behind, in milliseconds since 1970. */
let behindSince: number | undefined;

/**
 * Brings one mirror up to the master. Messages about the master's public files and ticks of the clock ask for
 * the same work. When a mirror cannot be handled, a metric shows it, and its messages count as done. The next
 * tick follows within a minute, and messages that return five times would fill the dead-letter queue.
 */
export async function handler(_event: unknown, invocation: Invocation): Promise<void> {
  const { context, meter } = await world;
  const target = await mirror;
  const labels = { mirror: target.name };
  meter.count('BytesCopied', 0, labels);
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
    await measure(report, labels);
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
    meter.count('MirrorFailures', 1, labels);
    meter.gauge('MirrorLagSeconds', (context.now() - behindSince) / 1000, labels);
    context.log('error', 'mirror not kept', {
      mirror: target.name,
      error: String(error),
      request: invocation.awsRequestId,
    });
  } finally {
    meter.flush();
  }
}

async function measure(report: FanOutReport, labels: MetricLabels): Promise<void> {
  const { context, meter } = await world;
  const catalog = (await memory.load(context.store))?.catalog;
  const generations = Math.max(0, (catalog?.generation ?? 0) - report.generation);
  if (generations === 0 && report.missing.files === 0) behindSince = undefined;
  else behindSince ??= context.now();
  const lag = behindSince === undefined ? 0 : (context.now() - behindSince) / 1000;
  meter.gauge('MirrorLagGenerations', generations, labels);
  meter.gauge('MirrorLagSeconds', lag, labels);
  meter.count('MirrorFailures', report.failures.size, labels);
}

async function openMirror(): Promise<Mirror> {
  const { store: url, ...settings } = parseMirrorSettings(process.env['MIRROR_SETTINGS'] ?? '{}');
  const store = await openStore({ location: storeLocation('MIRROR_SETTINGS: store', url) });
  return { name: process.env['MIRROR_NAME'] ?? '', store, ...settings };
}
