import { DEFAULT_DEPLOYMENT, METRICS_NAMESPACE } from '../src/facts/deployment-names.ts';
import type { MetricName } from '../src/facts/metric-names.ts';
import { emfLine } from '../src/log/emf.ts';
import type { Meter, MetricLabels } from '../src/log/meter.ts';
import { isPipelineError } from '../src/pipeline/errors.ts';

/** A meter that writes its values to the function's log, where CloudWatch makes metrics from them. */
export interface EmfMeter extends Meter {
  /** Writes one line for each set of labels that has values, and starts again without values. */
  flush(): void;
}

export function emfMeter(
  write: (line: string) => void,
  deployment: string = DEFAULT_DEPLOYMENT,
  now: () => number = Date.now,
): EmfMeter {
  /** By mirror; the key is undefined for the master. */
  let taken = new Map<string | undefined, Partial<Record<MetricName, number>>>();
  const valuesOf = ({ mirror }: MetricLabels = {}) => {
    const values = taken.get(mirror) ?? {};
    taken.set(mirror, values);
    return values;
  };
  return {
    count(name, amount, labels) {
      const values = valuesOf(labels);
      values[name] = (values[name] ?? 0) + amount;
    },
    gauge(name, value, labels) {
      valuesOf(labels)[name] = value;
    },
    flush() {
      const due = taken;
      taken = new Map();
      for (const [mirror, values] of due) {
        const line = emfLine(values, {
          namespace: METRICS_NAMESPACE,
          dimensions: {
            Deployment: deployment,
            ...(mirror === undefined ? {} : { Mirror: mirror }),
          },
          now: now(),
        });
        if (line !== undefined) write(line);
      }
    },
  };
}

/** Returns true for errors that no retry repairs: a person has to decide something about the catalog. */
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
