/** The units of Amazon CloudWatch that our metrics use. */
type MetricUnit = 'Count' | 'Bytes' | 'Seconds' | 'Milliseconds';

type Units = Readonly<Record<string, MetricUnit>>;

/** Metrics that add up over time, with their units. */
const COUNTERS = {
  BytesHashed: 'Bytes',
  /** Commits of the catalog that were repeated, after another writer was faster or the outcome was unknown. */
  CommitRetries: 'Count',
  /** The same for commits of a mirror's document. */
  MirrorCommitRetries: 'Count',
  /** How often public documents were written, on the master or on a mirror. */
  Publications: 'Count',
  /** Versions that a commit rejected and that were not rejected before. */
  Rejections: 'Count',
  /** Messages that are not events of an object. They are left for the dead-letter queue. */
  MalformedMessages: 'Count',
  /** The catalog could not be read, or must not be written. The log line with the metric has the reason. */
  CatalogProblems: 'Count',
  SweepsCompleted: 'Count',
  /** Versions that a scan found to differ from the catalog. */
  VersionsDrifted: 'Count',
  /** Objects that a run could not copy to a mirror; 1 if the whole run failed. */
  MirrorFailures: 'Count',
  BytesCopied: 'Bytes',
} as const satisfies Units;

/** Metrics with a current value, with their units. */
const GAUGES = {
  /** Versions in the public files, at the last scan. The next two are from the last scan too. */
  VersionsPublished: 'Count',
  /** Versions that wait for a file. */
  VersionsIncomplete: 'Count',
  /** Rejected versions: they can never be published as they are. */
  VersionsRejected: 'Count',
  /** Versions that disappeared all at once. The removal guard holds their removal until a person confirms it. */
  RemovalsHeld: 'Count',
  MirrorLagGenerations: 'Count',
  /** How long the mirror has been behind the master. */
  MirrorLagSeconds: 'Seconds',
} as const satisfies Units;

/** Every metric with its unit. Alarms and the dashboard name them from here. */
export const METRICS = { ...COUNTERS, ...GAUGES } as const;

/**
 * A function only logs these. No alarm and no graph shows them, and each metric in CloudWatch costs money
 * every month. CloudWatch Logs Insights finds them as fields.
 */
export const LOGGED_METRICS: readonly string[] = [
  'MirrorCommitRetries',
  'Publications',
  'Rejections',
] satisfies readonly (keyof typeof METRICS)[];

export type CounterName = keyof typeof COUNTERS;
export type GaugeName = keyof typeof GAUGES;
export type MetricName = CounterName | GaugeName;
