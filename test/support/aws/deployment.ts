import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import type { Deployment, MirrorPlan } from '../../../infra/deployment.ts';
import { addStacks, type Stacks } from '../../../infra/stacks.ts';

export const ACCOUNT = '111122223333';

export function mirrorPlan(plan: Partial<MirrorPlan> & { readonly name: string }): MirrorPlan {
  return {
    bucket: `images-${plan.name}`,
    region: 'us-west-2',
    copy: 'fan-out',
    settings: {},
    ...plan,
  };
}

/** A deployment with one mirror of each kind; a test may change parts of it. */
export function deployment(differences: Partial<Deployment> = {}): Deployment {
  return {
    deployment: 'live',
    region: 'eu-central-1',
    bucket: 'images-master',
    mirrors: [
      mirrorPlan({ name: 'west' }),
      mirrorPlan({ name: 'south', region: 'ap-southeast-2', copy: 'replication' }),
    ],
    failover: 'west',
    domains: [],
    maxAge: { streams: 60, images: 86_400 },
    writeOnce: false,
    settings: { clients: ['lxd', 'incus'], edgeSeconds: 86_400 },
    logLevel: 'info',
    destroyImages: false,
    replicationTimeControl: false,
    // Templates do not depend on the content of the bundles.
    bundle: () => import.meta.dirname + '/../../unit/infra',
    ...differences,
  };
}

export interface Synthesised {
  readonly app: App;
  readonly stacks: Stacks;
  readonly master: Template;
  /** In the order of the deployment's mirrors. */
  readonly mirrors: readonly Template[];
}

/** The templates of a deployment, as they are sent to AWS. */
export function synthesise(plan: Deployment = deployment()): Synthesised {
  const app = new App();
  const stacks = addStacks(app, plan, ACCOUNT);
  return {
    app,
    stacks,
    master: Template.fromStack(stacks.master),
    mirrors: stacks.mirrors.map((stack) => Template.fromStack(stack)),
  };
}

export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DependsOn?: readonly string[];
  readonly DeletionPolicy?: string;
}

/** All resources of a type, by their logical ids. */
export function resources(template: Template, type: string): Readonly<Record<string, Resource>> {
  return template.findResources(type, Match.anyValue()) as Record<string, Resource>;
}
