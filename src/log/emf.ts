import { LOGGED_METRICS, METRICS, type MetricName } from '../facts/metric-names.ts';

export interface EmfOptions {
  readonly namespace: string;
  /** Names and values that distinguish the series of one metric. */
  readonly dimensions: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Returns one line in the embedded metric format (Amazon CloudWatch user guide, "Specification: Embedded metric
 * format"); undefined if there are no values. When a function logs the line, CloudWatch makes metrics of it.
 * `LOGGED_METRICS` stay only fields of the line.
 */
export function emfLine(
  values: Readonly<Partial<Record<MetricName, number>>>,
  { namespace, dimensions, now }: EmfOptions,
): string | undefined {
  const fields = Object.entries(METRICS)
    .filter(([name]) => Number.isFinite(values[name as MetricName]))
    .map(([Name, Unit]) => ({ Name, Unit }));
  if (fields.length === 0) return undefined;
  const metrics = fields.filter(({ Name }) => !LOGGED_METRICS.includes(Name));
  const directive = {
    Namespace: namespace,
    Dimensions: [Object.keys(dimensions)],
    Metrics: metrics,
  };
  const line = {
    ...(metrics.length > 0 && { _aws: { Timestamp: now, CloudWatchMetrics: [directive] } }),
    ...dimensions,
    ...Object.fromEntries(fields.map(({ Name }) => [Name, values[Name as MetricName]])),
  };
  return `${JSON.stringify(line)}\n`;
}
