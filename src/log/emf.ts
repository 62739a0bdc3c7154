import { METRICS, type MetricName } from '../facts/metric-names.ts';

export interface EmfOptions {
  readonly namespace: string;
  /** What the metrics are told apart by. */
  readonly dimensions: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * One line in the embedded metric format (Amazon CloudWatch user guide, "Specification: Embedded metric
 * format"): written to a function's log, CloudWatch makes metrics of it. Undefined when there are no values.
 */
export function emfLine(
  values: Readonly<Partial<Record<MetricName, number>>>,
  { namespace, dimensions, now }: EmfOptions,
): string | undefined {
  const metrics = Object.entries(METRICS)
    .filter(([name]) => Number.isFinite(values[name as MetricName]))
    .map(([Name, Unit]) => ({ Name, Unit }));
  if (metrics.length === 0) return undefined;
  const line = {
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [
        { Namespace: namespace, Dimensions: [Object.keys(dimensions)], Metrics: metrics },
      ],
    },
    ...dimensions,
    ...Object.fromEntries(metrics.map(({ Name }) => [Name, values[Name as MetricName]])),
  };
  return `${JSON.stringify(line)}\n`;
}
