/**
 * The names of all AWS resources of a deployment. They are computed, so that a stack can name resources of a
 * stack in another region without a reference, and so that the CLI can find the resources. This module imports
 * nothing, because infrastructure code, functions and the CLI share it.
 */

/** A deployment and the region of its master. */
export interface AwsDeployment {
  /** The deployment's name: lower case letters, digits and dashes, at most 20; `bucketstreams` by default. */
  readonly deployment: string;
  /** The master's region. */
  readonly region: string;
}

export const DEFAULT_DEPLOYMENT = 'bucketstreams';

/** Returns why `name` cannot be the name of a deployment; undefined if it can. */
export function deploymentNameProblem(name: string): string | undefined {
  if (/^[a-z][a-z0-9-]{0,19}$/.test(name) && !name.endsWith('-')) return undefined;
  return 'a deployment is named with a lower case letter and then up to 19 letters, digits or dashes';
}

/** Returns why `name` cannot be the name of a deployment's mirror; undefined if it can. */
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

/** The functions of a deployment. Their bundles and log groups have these names too. */
export type FunctionRole = 'index-images' | 'sweep' | { readonly fanOut: string };

function part(role: FunctionRole): string {
  return typeof role === 'string' ? role : `fan-out-${role.fanOut}`;
}

export function functionName({ deployment }: AwsDeployment, role: FunctionRole): string {
  return `${deployment}-${part(role)}`;
}

/** IAM is global. The region in the name distinguishes two deployments in one account. */
export function functionRoleName(
  { deployment, region }: AwsDeployment,
  role: FunctionRole,
): string {
  return `${deployment}-${region}-${part(role)}`;
}

export function logGroupName(aws: AwsDeployment, role: FunctionRole): string {
  return `/aws/lambda/${functionName(aws, role)}`;
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

/** The queue of the index function: events of images, and orders of the sweep. */
export function indexQueueName({ deployment }: AwsDeployment): string {
  return `${deployment}-index`;
}

/** The queue of one mirror: changes of the master's public files, and timer ticks. */
export function mirrorQueueName({ deployment }: AwsDeployment, mirror: string): string {
  return `${deployment}-mirror-${mirror}`;
}

export function deadLetterName(queue: string): string {
  return `${queue}-dead`;
}

/** The topic that notifies all mirrors when the master's `images.json` changes. */
export function streamsTopicName({ deployment }: AwsDeployment): string {
  return `${deployment}-streams`;
}

/** The topic that operators subscribe to. */
export function alarmsTopicName({ deployment }: AwsDeployment): string {
  return `${deployment}-alarms`;
}

/** The name of a part of the distribution: its function, policies and access control. CloudFront is global. */
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
