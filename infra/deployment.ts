import type { AwsDeployment } from '../src/facts/deployment-names.ts';
import type { BundleName } from './bundle.ts';

/** A mirror that is a bucket on AWS, in any region of the same account. */
export interface MirrorPlan {
  readonly name: string;
  readonly bucket: string;
  readonly region: string;
  /** Who copies the images: S3 by replication rules, or our own function. */
  readonly copy: 'fan-out' | 'replication';
  /** The mirror's part of the configuration, as the fan-out function reads it. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** All inputs of the stacks: the configuration, reduced to what matters on AWS. */
export interface Deployment extends AwsDeployment {
  readonly bucket: string;
  readonly mirrors: readonly MirrorPlan[];
  /** The mirror that serves requests when the master does not respond. */
  readonly failover?: string;
  readonly domains: readonly string[];
  /** The ARN of a certificate of AWS Certificate Manager in us-east-1 for all of `domains`. */
  readonly certificate?: string;
  /** Seconds. */
  readonly maxAge: { readonly streams: number; readonly images: number };
  /** Deny overwriting image files, by bucket policy. */
  readonly writeOnce: boolean;
  /** The settings that the functions store in a new catalog: clients, aliases, edgeSeconds. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly logLevel: string;
  /** Let `cdk destroy` delete the image buckets too. S3 refuses while there is anything in them. */
  readonly destroyImages: boolean;
  /** Replication with S3 Replication Time Control: 99.99 % within 15 minutes, at a price. */
  readonly replicationTimeControl: boolean;
  /** The folder with a function's code. */
  readonly bundle: (name: BundleName) => string;
}

export function replicated(deployment: Deployment): readonly MirrorPlan[] {
  return deployment.mirrors.filter((mirror) => mirror.copy === 'replication');
}

export function failoverMirror({ mirrors, failover }: Deployment): MirrorPlan | undefined {
  return mirrors.find((mirror) => mirror.name === failover);
}
