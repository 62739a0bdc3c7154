import { runSimulation } from '@cloud-copilot/iam-simulate';
import type { Template } from 'aws-cdk-lib/assertions';
import { ACCOUNT, resources, type Synthesised } from './deployment.ts';

/** The caller: a role of the deployment by its name, another role of the account, or the CDN. */
export type Principal =
  { readonly role: string } | { readonly outsider: string } | { readonly distribution: string };

export interface Question {
  readonly principal: Principal;
  readonly action: string;
  /** `bucket` or `bucket/key`. */
  readonly object: string;
  readonly context?: Readonly<Record<string, string>>;
}

/** Decides by the policies of synthesised templates, as AWS IAM does. */
export async function isAllowed(world: Synthesised, question: Question): Promise<boolean> {
  const [bucket = ''] = question.object.split('/');
  const context: Record<string, string> = { 'aws:SecureTransport': 'true', ...question.context };
  let principal: string;
  if ('distribution' in question.principal) {
    principal = 'cloudfront.amazonaws.com';
    context['aws:SourceArn'] = question.principal.distribution;
  } else if ('role' in question.principal) {
    principal = `arn:aws:iam::${ACCOUNT}:role/${question.principal.role}`;
  } else {
    principal = `arn:aws:iam::${ACCOUNT}:role/${question.principal.outsider}`;
  }
  const result = await runSimulation(
    {
      request: {
        principal,
        action: question.action,
        resource: { resource: `arn:aws:s3:::${question.object}`, accountId: ACCOUNT },
        contextVariables: context,
      },
      identityPolicies:
        'role' in question.principal ? rolePolicies(world, question.principal.role) : [],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: bucketPolicy(world, bucket),
    },
    {},
  );
  if (result.resultType === 'error') {
    throw new Error(`${JSON.stringify(question)}: ${JSON.stringify(result.errors)}`);
  }
  return result.overallResult === 'Allowed';
}

function rolePolicies(world: Synthesised, role: string) {
  const found = Object.values(resources(world.master, 'AWS::IAM::Role')).find(
    ({ Properties }) => Properties['RoleName'] === role,
  );
  if (found === undefined) throw new Error(`The template has no role ${role}.`);
  if ('ManagedPolicyArns' in found.Properties) throw new Error(`${role} has managed policies.`);
  const policies = found.Properties['Policies'] as readonly {
    readonly PolicyName: string;
    readonly PolicyDocument: unknown;
  }[];
  return policies.map(({ PolicyName, PolicyDocument }) => ({
    name: PolicyName,
    policy: resolved(world.master, PolicyDocument),
  }));
}

function bucketPolicy(world: Synthesised, bucket: string): unknown {
  for (const template of [world.master, ...world.mirrors]) {
    for (const { Properties } of Object.values(resources(template, 'AWS::S3::BucketPolicy'))) {
      if (resolved(template, Properties['Bucket']) === bucket) {
        return resolved(template, Properties['PolicyDocument']);
      }
    }
  }
  throw new Error(`No template has a policy of the bucket ${bucket}.`);
}

const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::AccountId': ACCOUNT,
  'AWS::Region': 'eu-central-1',
};

/** Resolves the intrinsic functions in a part of a template, as far as policies use them. */
export function resolved(template: Template, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => resolved(template, item));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [name, argument] = entries[0] ?? [];
  if (entries.length === 1 && name === 'Ref') return reference(template, String(argument));
  if (entries.length === 1 && name === 'Fn::GetAtt') {
    const [id = '', attribute = ''] = argument as readonly string[];
    return attributeOf(template, id, attribute);
  }
  if (entries.length === 1 && name === 'Fn::Join') {
    const [separator, parts] = argument as readonly [string, readonly unknown[]];
    return parts.map((part) => String(resolved(template, part))).join(separator);
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, resolved(template, item)]));
}

function reference(template: Template, id: string): string {
  const pseudo = PSEUDO[id];
  if (pseudo !== undefined) return pseudo;
  const { Properties } = resourceOf(template, id);
  const name = Properties['BucketName'] ?? Properties['QueueName'];
  return typeof name === 'string' ? name : id;
}

function attributeOf(template: Template, id: string, attribute: string): string {
  const { Type, Properties } = resourceOf(template, id);
  if (attribute !== 'Arn') throw new Error(`${Type} ${id}: no ${attribute} is known here.`);
  switch (Type) {
    case 'AWS::S3::Bucket':
      return `arn:aws:s3:::${String(Properties['BucketName'])}`;
    case 'AWS::SQS::Queue':
      return `arn:aws:sqs:eu-central-1:${ACCOUNT}:${String(Properties['QueueName'])}`;
    default:
      throw new Error(`${Type} ${id}: its ARN is not known here.`);
  }
}

function resourceOf(template: Template, id: string) {
  const { Resources } = template.toJSON() as {
    readonly Resources: Readonly<
      Record<
        string,
        { readonly Type: string; readonly Properties: Readonly<Record<string, unknown>> }
      >
    >;
  };
  const found = Resources[id];
  if (found === undefined) throw new Error(`The template has no resource ${id}.`);
  return found;
}
