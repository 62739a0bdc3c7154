/** Units of Amazon CloudWatch that our metrics have. */
type MetricUnit = 'Count' | 'Bytes' | 'Seconds' | 'Milliseconds';

type Units = Readonly<Record<string, MetricUnit>>;

/** Metrics that add up over time, with their units. */
const COUNTERS = {
  BytesHashed: 'Bytes',
  /** Commits of the catalog that a rival was faster than, or whose outcome was not known. */
  CommitRetries: 'Count',
  /** The same for commits of a mirror's document. */
  MirrorCommitRetries: 'Count',
  /** Times that public documents were written, on the master or on a mirror. */
  Publications: 'Count',
  /** Versions that a commit found to be rejected, and that were not so before. */
  Rejections: 'Count',
  /** Messages that are no event of an object, left for the dead-letter queue. */
  MalformedMessages: 'Count',
  /** The catalog could not be read or must not be written: see the log line beside it. */
  CatalogProblems: 'Count',
  SweepsCompleted: 'Count',
  /** Versions that a scan found to differ from the catalog. */
  VersionsDrifted: 'Count',
  /** Objects that a run could not copy to a mirror, or 1 for a run that failed as a whole. */
  MirrorFailures: 'Count',
  BytesCopied: 'Bytes',
} as const satisfies Units;

/** Metrics that are the value of a moment, with their units. */
const GAUGES = {
  /** Versions in the public files, as the last scan found them; so are the next two. */
  VersionsPublished: 'Count',
  /** Versions that wait for a file. */
  VersionsIncomplete: 'Count',
  /** Versions that can never be published as they are. */
  VersionsRejected: 'Count',
  /** Versions that were found gone all at once and are held until that is confirmed. */
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
