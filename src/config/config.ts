import type { AliasTemplate } from '../catalog/document.ts';
import type { Client } from '../images/file-kinds.ts';
import type { LogLevel } from '../log/logger.ts';
import type { Credentials } from '../storage/credentials.ts';
import type { StoreLocation } from '../storage/location.ts';

/** `bucketstreams.toml`, checked, with every default filled in. Paths are absolute. */
export interface Config {
  /** Absent when there is none and all is default. */
  readonly file?: string;
  readonly store: StoreConfig;
  /** In the order of the file. Names and stores are different ones, and none is the master's. */
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
  /** Who copies the images: the fan-out, or the buckets' own replication. */
  readonly copy: 'fan-out' | 'replication';
  /** Patterns `os/release/arch/variant` with `*`; empty for all products. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** Only so many of the newest versions of each product; absent for all. */
  readonly newest?: number;
}

export interface PublishConfig {
  /** At least one. */
  readonly clients: readonly Client[];
  readonly aliases: readonly AliasTemplate[];
}

export interface DeliveryConfig {
  /** Names of the CDN; when there are any, there is a certificate. */
  readonly domains: readonly string[];
  /** The ARN of a certificate of AWS Certificate Manager in us-east-1, for all of `domains`. */
  readonly certificate?: string;
  /** The name of the mirror that answers when the master does not. */
  readonly failover?: string;
  /** Seconds. */
  readonly streamsMaxAge: number;
  /** Seconds. */
  readonly imagesMaxAge: number;
  /** Whether published files cannot be overwritten, by bucket policy. */
  readonly writeOnce: boolean;
}

export interface RetentionConfig {
  /** The newest versions of each product that are kept, at least 1; absent: nothing goes by number. */
  readonly keep?: number;
  /** Versions of at most this age are kept; absent: nothing goes by age. With both, both have to agree. */
  readonly maxAgeDays?: number;
  /** Seconds between the end of a version's names and the end of its bytes. */
  readonly grace: number;
}

export interface LogConfig {
  /** Absent: as the command has it. */
  readonly level?: LogLevel;
  readonly format: 'text' | 'json';
}

export interface ServeConfig {
  readonly host: string;
  readonly port: number;
  /** Further names and addresses for the certificate. */
  readonly names: readonly string[];
  /** Plain HTTP. */
  readonly http: boolean;
  /** PEM files of one's own certificate. */
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Folder of what is the server's own; absent: where the store says. */
  readonly state?: string;
  /** Whether it also keeps the public files up to date. */
  readonly watch: boolean;
  /** Seconds between two scans of the whole store. */
  readonly scanEvery: number;
  /** Seconds for which a file must rest before it counts as whole. */
  readonly settle: number;
  /** Seconds after which a connection on which nothing moves is cut. */
  readonly idleTimeout: number;
}

/** What only a deployment to AWS asks. */
export interface DeploymentConfig {
  readonly name: string;
  /** Let `cdk destroy` delete the image buckets too. */
  readonly destroyImages: boolean;
  /** S3 Replication Time Control. */
  readonly replicationTimeControl: boolean;
}
