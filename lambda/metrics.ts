import type { Catalog } from '../src/catalog/document.ts';
import { DEFAULT_DEPLOYMENT, METRICS_NAMESPACE } from '../src/facts/deployment-names.ts';
import type { Hasher } from '../src/images/digests.ts';
import { emfLine } from '../src/log/emf.ts';
import { type MetricName } from '../src/facts/metric-names.ts';
import type { Logger } from '../src/log/logger.ts';
import { isPipelineError } from '../src/pipeline/errors.ts';

export type MetricValues = Readonly<Partial<Record<MetricName, number>>>;

/** Writes metrics to the function's log, where CloudWatch finds them. */
export function emitMetrics(
  values: MetricValues,
  dimensions: Readonly<Record<string, string>> = {},
): void {
  const line = emfLine(values, {
    namespace: METRICS_NAMESPACE,
    dimensions: { Deployment: process.env['DEPLOYMENT'] ?? DEFAULT_DEPLOYMENT, ...dimensions },
    now: Date.now(),
  });
  if (line !== undefined) process.stdout.write(line);
}

/** How many versions there are in each state that an operator cares for. */
export function versionMetrics(catalog: Catalog): MetricValues {
  const states = Object.values(catalog.products).flatMap(({ versions }) =>
    Object.values(versions).map(({ state }) => state),
  );
  const count = (wanted: string) => states.filter((state) => state === wanted).length;
  return {
    VersionsPublished: count('published'),
    VersionsIncomplete: count('incomplete'),
    VersionsRejected: count('rejected'),
  };
}

/** Errors that no later try mends: a person has to decide something about the catalog. */
export function isCatalogProblem(error: unknown): boolean {
  return isPipelineError(
    error,
    'catalog_unreadable',
    'catalog_newer',
    'catalog_lost',
    'catalog_behind',
    'document_too_large',
    'streams_foreign',
  );
}

/** Counts what goes through a function's hasher and log, from one `take` to the next. */
export class Meter {
  #bytesHashed = 0;
  #commitRetries = 0;

  hasher(hasher: Hasher): Hasher {
    return {
      digest: async (body, prefixes) => {
        const pass = await hasher.digest(body, prefixes);
        this.#bytesHashed += pass.size;
        return pass;
      },
      prepare: (size) => hasher.prepare(size),
      close: () => hasher.close(),
    };
  }

  log(log: Logger): Logger {
    return (level, event, fields) => {
      if (event === 'catalog changed by another writer, trying again') this.#commitRetries += 1;
      log(level, event, fields);
    };
  }

  take(): MetricValues {
    const values = { BytesHashed: this.#bytesHashed, CommitRetries: this.#commitRetries };
    this.#bytesHashed = 0;
    this.#commitRetries = 0;
    return values;
  }
}
