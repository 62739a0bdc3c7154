/** Units of Amazon CloudWatch that our metrics have. */
export type MetricUnit = 'Count' | 'Bytes' | 'Seconds' | 'Milliseconds';

/** Every metric that a function emits, with its unit. Alarms and the dashboard name them from here. */
export const METRICS = {
  /** Versions in the public files, after an invocation that touched any. */
  VersionsPublished: 'Count',
  /** Versions that wait for a file. */
  VersionsIncomplete: 'Count',
  /** Versions that can never be published as they are. */
  VersionsRejected: 'Count',
  BytesHashed: 'Bytes',
  /** Commits of the catalog that a rival was faster than. */
  CommitRetries: 'Count',
  /** Messages that are no event of an object, left for the dead-letter queue. */
  MalformedMessages: 'Count',
  /** The catalog could not be read or must not be written: see the log line beside it. */
  CatalogProblems: 'Count',
  /** Versions that were found gone all at once and are held until that is confirmed. */
  RemovalsHeld: 'Count',
  SweepsCompleted: 'Count',
  /** Versions that a sweep found to differ from the catalog. */
  VersionsDrifted: 'Count',
  MirrorLagGenerations: 'Count',
  /** How long the mirror has been behind the master. */
  MirrorLagSeconds: 'Seconds',
  MirrorFailures: 'Count',
  BytesCopied: 'Bytes',
} as const satisfies Readonly<Record<string, MetricUnit>>;

export type MetricName = keyof typeof METRICS;
