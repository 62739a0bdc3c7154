import { Aws, Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { NagSuppressions } from 'cdk-nag';
import { Construct } from 'constructs';
import {
  functionName,
  functionRoleName,
  logGroupName,
  type FunctionRole,
} from '../../src/facts/deployment-names.ts';
import type { BundleName } from '../bundle.ts';
import type { Deployment } from '../deployment.ts';
import { FUNCTION_TIMEOUT } from './queues.ts';

export interface WorkerFunctionProps {
  readonly role: FunctionRole;
  readonly bundle: BundleName;
  readonly description: string;
  /** MiB; 1769 is one processor. */
  readonly memory: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly permissions: readonly iam.PolicyStatement[];
  /** The reason why `permissions` contain patterns of keys. */
  readonly reach: string;
}

/** A function whose role allows only what is listed, and whose log group does not grow for ever. */
export class WorkerFunction extends Construct {
  readonly function: lambda.Function;
  readonly #role: iam.Role;

  constructor(scope: Construct, id: string, deployment: Deployment, props: WorkerFunctionProps) {
    super(scope, id);
    const logGroup = new logs.LogGroup(this, 'Log', {
      logGroupName: logGroupName(deployment, props.role),
      retention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.#role = new iam.Role(this, 'Role', {
      roleName: functionRoleName(deployment, props.role),
      description: props.description,
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: {
        work: new iam.PolicyDocument({
          statements: [
            new iam.PolicyStatement({
              sid: 'WriteLog',
              actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
              resources: [
                `arn:${Aws.PARTITION}:logs:${Aws.REGION}:${Aws.ACCOUNT_ID}:log-group:${logGroupName(deployment, props.role)}:*`,
              ],
            }),
            ...props.permissions,
          ],
        }),
      },
    });
    NagSuppressions.addResourceSuppressions(this.#role, [
      { id: 'AwsSolutions-IAM5', reason: `Patterns of keys and log streams only. ${props.reach}` },
    ]);
    this.function = new lambda.Function(this, 'Function', {
      functionName: functionName(deployment, props.role),
      description: props.description,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambda.Code.fromAsset(deployment.bundle(props.bundle)),
      handler: 'index.handler',
      role: this.#role,
      logGroup,
      timeout: FUNCTION_TIMEOUT,
      memorySize: props.memory,
      environment: {
        ...props.environment,
        DEPLOYMENT: deployment.deployment,
        LOG_LEVEL: deployment.logLevel,
      },
    });
  }

  /** Handles the messages of `queue`. Only the messages that the function names return to the queue. */
  workOn(
    queue: sqs.Queue,
    options: {
      readonly batchSize: number;
      readonly window: Duration;
      readonly concurrency: number;
    },
  ): void {
    new lambda.EventSourceMapping(this, 'Source', {
      target: this.function,
      eventSourceArn: queue.queueArn,
      batchSize: options.batchSize,
      maxBatchingWindow: options.window,
      maxConcurrency: options.concurrency,
      reportBatchItemFailures: true,
    });
  }
}

/**
 * Allows what the poller of an event source does in the function's name, and what the function does with
 * messages that it hands back.
 */
export function mayWorkOn(queue: sqs.Queue): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'WorkOnQueue',
    actions: [
      'sqs:ReceiveMessage',
      'sqs:DeleteMessage',
      'sqs:GetQueueAttributes',
      'sqs:ChangeMessageVisibility',
    ],
    resources: [queue.queueArn],
  });
}
