/**
 * The names of everything a deployment to AWS consists of. They are computed, so that stacks in several
 * regions can speak of each other's parts without references between them, and so that the CLI can find
 * what was deployed. This module imports nothing: infrastructure code, functions and the CLI share it.
 */

/** Where the master is deployed. */
export interface AwsDeployment {
  /** The deployment's name: lower case letters, digits and dashes, at most 20; `bucketstreams` by default. */
  readonly deployment: string;
  /** The master's region. */
  readonly region: string;
}

export const DEFAULT_DEPLOYMENT = 'bucketstreams';

/** Why `name` cannot name a deployment, or undefined when it can. */
export function deploymentNameProblem(name: string): string | undefined {
  if (/^[a-z][a-z0-9-]{0,19}$/.test(name) && !name.endsWith('-')) return undefined;
  return 'a deployment is named with a lower case letter and then up to 19 letters, digits or dashes';
}

/** Why `name` cannot name a mirror of a deployment, or undefined when it can. */
export function mirrorNameProblem(name: string): string | undefined {
  if (/^[a-z0-9][a-z0-9-]{0,15}$/.test(name)) return undefined;
  return 'a mirror on AWS is named with up to 16 lower case letters, digits or dashes';
}

export function masterStackName({ deployment }: AwsDeployment): string {
  return deployment;
}

export function mirrorStackName({ deployment }: AwsDeployment, mirror: string): string {
  return `${deployment}-mirror-${mirror}`;
}

/** The functions of a deployment, as their bundles and their log groups are named too. */
export type FunctionRole = 'index-images' | 'sweep' | { readonly fanOut: string };

function part(role: FunctionRole): string {
  return typeof role === 'string' ? role : `fan-out-${role.fanOut}`;
}

export function functionName({ deployment }: AwsDeployment, role: FunctionRole): string {
  return `${deployment}-${part(role)}`;
}

/** IAM is global: the region keeps two deployments in one account apart. */
export function functionRoleName(
  { deployment, region }: AwsDeployment,
  role: FunctionRole,
): string {
  return `${deployment}-${region}-${part(role)}`;
}

export function logGroupName(place: AwsDeployment, role: FunctionRole): string {
  return `/aws/lambda/${functionName(place, role)}`;
}

export function uploaderRoleName({ deployment, region }: AwsDeployment): string {
  return `${deployment}-${region}-uploader`;
}

export function gatewayRoleName({ deployment, region }: AwsDeployment): string {
  return `${deployment}-${region}-gateway`;
}

export function replicationRoleName({ deployment, region }: AwsDeployment): string {
  return `${deployment}-${region}-replication`;
}

/** Events of images, and the sweep's orders, for the index function. */
export function indexQueueName({ deployment }: AwsDeployment): string {
  return `${deployment}-index`;
}

/** News of the master's public files, and ticks of the clock, for one mirror. */
export function mirrorQueueName({ deployment }: AwsDeployment, mirror: string): string {
  return `${deployment}-mirror-${mirror}`;
}

export function deadLetterName(queue: string): string {
  return `${queue}-dead`;
}

/** Tells all mirrors that the master's `images.json` changed. */
export function streamsTopicName({ deployment }: AwsDeployment): string {
  return `${deployment}-streams`;
}

/** What operators subscribe to. */
export function alarmsTopicName({ deployment }: AwsDeployment): string {
  return `${deployment}-alarms`;
}

/** What belongs to the distribution: its function, its policies, its access control. CloudFront is global. */
export function edgeName({ deployment, region }: AwsDeployment, what: string): string {
  return `${deployment}-${region}-${what}`;
}

export function tickRuleName({ deployment }: AwsDeployment, mirror: string): string {
  return `${deployment}-mirror-${mirror}`;
}

export function sweepRuleName({ deployment }: AwsDeployment): string {
  return `${deployment}-sweep`;
}

/** The namespace of the metrics that the functions emit. */
export const METRICS_NAMESPACE = 'bucketstreams';
