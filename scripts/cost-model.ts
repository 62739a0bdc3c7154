/**
 * Calculates what a month of a deployment costs. Prices are AWS's list prices in us-east-1, in
 * dollars, without taxes. They are without free tiers unless a comment says otherwise. The counts
 * of requests are those of the code, and a test checks them.
 */
export const PRICES = {
  s3: { perWrite: 0.005 / 1000, perRead: 0.0004 / 1000, perGigabyteMonth: 0.023 },
  sqs: { perRequest: 0.4 / 1_000_000 },
  sns: { perPublish: 0.5 / 1_000_000 },
  lambda: { perRequest: 0.2 / 1_000_000, perGigabyteSecond: 0.0000133334 },
  cloudfront: {
    perRequest: 0.01 / 10_000,
    perGigabyte: 0.085,
    freeGigabytes: 1024,
    freeRequests: 10_000_000,
  },
  /** Per gigabyte from one region to another. */
  transfer: { perGigabyte: 0.02 },
  cloudwatch: { perAlarm: 0.1, perMetric: 0.3, perGigabyteLog: 0.5 },
} as const;

/**
 * Requests to S3, by price: the writing price (PUT, COPY, LIST) and the reading price (GET, HEAD).
 */
export interface Requests {
  readonly writes: number;
  readonly reads: number;
}

/**
 * One version of two files that arrives in a message of its own: the PUT of both files, and the
 * index function.
 */
export const PER_VERSION: Requests = { writes: 2 + 5, reads: 8 };
/** One sweep that finds nothing, without its LIST for each 1,000 objects. */
export const PER_SWEEP: Requests = { writes: 0, reads: 8 };
/** One tick of a mirror that is complete. */
export const PER_TICK: Requests = { writes: 0, reads: 4 };
/**
 * One version of two files that is copied to one mirror: two copies, the mirror's document, its
 * public files.
 */
export const PER_MIRRORED_VERSION: Requests = { writes: 13, reads: 24 };

export interface Usage {
  /** Versions uploaded in a month. */
  readonly uploads: number;
  /** Gigabytes of one version. */
  readonly gigabytesPerVersion: number;
  /** Versions kept. */
  readonly kept: number;
  readonly mirrors: number;
  /** Clients that refresh their index once an hour. */
  readonly clients: number;
  /** Downloads of images in a month. */
  readonly downloads: number;
}

export type Bill = Readonly<Record<string, number>> & { readonly total: number };

const MINUTES = 43_800;
/**
 * How long deleted bytes are paid for: the grace, an edge's day, and a week as a noncurrent
 * version.
 */
const DELETED_MONTHS = 8.1 / 30.4;
const SWEEPS = MINUTES / 15;
/** Bytes per second that the index function reads and hashes. */
const HASH_RATE_GB = 0.08;
const INDEX_GB = 1769 / 1024;
const SWEEP_GB = 1;
/** Seconds of an invocation without the hashing. */
const INVOCATION_S = 1;
const TICK_S = 0.2;
/** Alarms: of the master, of each mirror. */
const ALARMS = { master: 8, mirror: 4 };
/** Metrics of our own: of the master, of each mirror. */
const METRICS = { master: 9, mirror: 4 };
/** Gigabytes of log lines for one version. */
const LOG_GB_PER_VERSION = 2 / 1_000_000;
/** A refresh requests two JSON files; most responses are from the edge. */
const REQUESTS_PER_REFRESH = 2;
const REQUESTS_PER_DOWNLOAD = 2;
const JSON_GB = 60 / 1_000_000;

export function monthlyCost(usage: Usage): Bill {
  const { uploads, gigabytesPerVersion: size, kept, mirrors, clients, downloads } = usage;
  const objects = kept * 2;
  const ticks = mirrors * MINUTES;
  const copies = uploads * mirrors;

  const pages = Math.ceil(objects / 1000);
  const writes =
    uploads * PER_VERSION.writes +
    SWEEPS * (PER_SWEEP.writes + pages) +
    ticks * PER_TICK.writes +
    copies * PER_MIRRORED_VERSION.writes +
    // A scan of the mirror, which lists it, every quarter of an hour.
    mirrors * SWEEPS * pages;
  const reads =
    uploads * PER_VERSION.reads +
    SWEEPS * PER_SWEEP.reads +
    ticks * PER_TICK.reads +
    copies * PER_MIRRORED_VERSION.reads;

  const refreshes = clients * 730;
  const requests = refreshes * REQUESTS_PER_REFRESH + downloads * REQUESTS_PER_DOWNLOAD;
  const gigabytesOut = refreshes * JSON_GB + downloads * size;
  const { s3, sqs, sns, lambda, cloudfront, transfer, cloudwatch } = PRICES;
  const lambdaSeconds = uploads * (INVOCATION_S + size / HASH_RATE_GB);
  const copySeconds = copies * (INVOCATION_S + size / HASH_RATE_GB) + ticks * TICK_S;

  const bill = {
    // As many versions are added as are removed; deleted bytes are kept for a week more.
    storage: (kept + uploads * DELETED_MONTHS) * size * (1 + mirrors) * s3.perGigabyteMonth,
    's3 requests': writes * s3.perWrite + reads * s3.perRead,
    // Three empty receives a minute for each queue that is polled, and the messages that are sent,
    // received and deleted.
    queues:
      (1 + mirrors) * MINUTES * 15 * sqs.perRequest +
      (uploads * 2 * 3 + ticks * 3) * sqs.perRequest +
      uploads * sns.perPublish,
    functions:
      (uploads + SWEEPS + ticks + copies) * lambda.perRequest +
      (lambdaSeconds * INDEX_GB + copySeconds * INDEX_GB + SWEEPS * SWEEP_GB * INVOCATION_S) *
        lambda.perGigabyteSecond,
    'between regions': copies * size * transfer.perGigabyte,
    delivery:
      Math.max(0, requests - cloudfront.freeRequests) * cloudfront.perRequest +
      Math.max(0, gigabytesOut - cloudfront.freeGigabytes) * cloudfront.perGigabyte,
    observation:
      (ALARMS.master + ALARMS.mirror * mirrors) * cloudwatch.perAlarm +
      (METRICS.master + METRICS.mirror * mirrors) * cloudwatch.perMetric +
      (uploads + copies + ticks / 10 + SWEEPS) * LOG_GB_PER_VERSION * cloudwatch.perGigabyteLog,
  };
  const total = Object.values(bill).reduce((sum, dollars) => sum + dollars, 0);
  return { ...bill, total };
}
