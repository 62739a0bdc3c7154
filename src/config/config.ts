import type { AliasTemplate } from '../catalog/document.ts';
import type { Client } from '../images/file-kinds.ts';
import type { LogLevel } from '../log/logger.ts';
import type { Credentials } from '../storage/credentials.ts';
import type { StoreLocation } from '../storage/location.ts';

/** The checked content of `bucketstreams.toml`, with all defaults. Paths are absolute. */
export interface Config {
  /** Absent if there is no file, so that all values are defaults. */
  readonly file?: string;
  readonly store: StoreConfig;
  /** In the order of the file. All names are different. All stores differ from each other and from the master. */
  readonly mirrors: readonly MirrorConfig[];
  readonly publish: PublishConfig;
  readonly delivery: DeliveryConfig;
  readonly retention: RetentionConfig;
  readonly log: LogConfig;
  readonly serve: ServeConfig;
  readonly deployment: DeploymentConfig;
}

export interface StoreConfig {
  readonly location: StoreLocation;
  readonly credentials: Credentials;
}

export interface MirrorConfig extends StoreConfig {
  readonly name: string;
  /** Images are copied by the fan-out, or by the buckets' own replication. */
  readonly copy: 'fan-out' | 'replication';
  /** Patterns `os/release/arch/variant` with `*`; empty for all products. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** The number of newest versions of each product on this mirror; absent for all versions. */
  readonly newest?: number;
}

export interface PublishConfig {
  /** At least one. */
  readonly clients: readonly Client[];
  readonly aliases: readonly AliasTemplate[];
}

export interface DeliveryConfig {
  /** Domain names of the CDN. If there are any, `certificate` is present. */
  readonly domains: readonly string[];
  /** The ARN of a certificate of AWS Certificate Manager in us-east-1, for all of `domains`. */
  readonly certificate?: string;
  /** The name of the mirror that serves requests when the master fails. */
  readonly failover?: string;
  /** Seconds. */
  readonly streamsMaxAge: number;
  /** Seconds. */
  readonly imagesMaxAge: number;
  /** If true, a bucket policy denies overwriting published files. */
  readonly writeOnce: boolean;
}

export interface RetentionConfig {
  /** How many of the newest versions of each product are kept, at least 1. Absent: no limit by number. */
  readonly keep?: number;
  /**
   * Versions of at most this age are kept. Absent: no limit by age. With both limits, only versions past both
   * are deleted.
   */
  readonly maxAgeDays?: number;
  /** Seconds from the removal of a version's names to the deletion of its files. */
  readonly grace: number;
}

export interface LogConfig {
  /** Absent: the default of the command. */
  readonly level?: LogLevel;
  readonly format: 'text' | 'json';
}

export interface ServeConfig {
  readonly host: string;
  readonly port: number;
  /** Additional names and addresses for the certificate. */
  readonly names: readonly string[];
  /** If true, serves plain HTTP instead of HTTPS. */
  readonly http: boolean;
  /** PEM files of the user's own certificate. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** The folder for the server's own files. Absent: a default that depends on the store. */
  readonly state?: string;
  /** If true, the server also keeps the public files up to date. */
  readonly watch: boolean;
  /** Seconds between two scans of the whole store. */
  readonly scanEvery: number;
  /** Seconds for which a file must stay unchanged before it counts as complete. */
  readonly settle: number;
  /** Seconds without traffic after which a connection is closed. */
  readonly idleTimeout: number;
}

/** Settings that only a deployment to AWS uses. */
export interface DeploymentConfig {
  readonly name: string;
  /** If true, `cdk destroy` also deletes the image buckets. */
  readonly destroyImages: boolean;
  /** If true, replication uses S3 Replication Time Control. */
  readonly replicationTimeControl: boolean;
}
