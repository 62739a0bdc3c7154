import { Aspects, Tags, type App } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { Deployment } from './deployment.ts';
import { MasterStack } from './master-stack.ts';
import { MirrorStack } from './mirror-stack.ts';

export interface Stacks {
  readonly master: MasterStack;
  /** In the order of the deployment's mirrors. */
  readonly mirrors: readonly MirrorStack[];
}

/** Adds all stacks of a deployment, for `account` or else for the account of the credentials. */
export function addStacks(app: App, deployment: Deployment, account?: string): Stacks {
  const mirrors = deployment.mirrors.map(
    (mirror) =>
      new MirrorStack(app, deployment, mirror, { env: { account, region: mirror.region } }),
  );
  const master = new MasterStack(app, deployment, { env: { account, region: deployment.region } });
  // This sets the order of deployment without a reference: S3 checks that the destinations of replication
  // exist.
  for (const mirror of mirrors) master.addStackDependency(mirror);
  Tags.of(app).add('bucketstreams', deployment.deployment);
  Aspects.of(app).add(new AwsSolutionsChecks());
  return { master, mirrors };
}
