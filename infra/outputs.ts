import { CfnOutput, type Stack } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Delivery } from './edge/distribution.ts';
import type { Deployment } from './deployment.ts';

/** Makes `cdk deploy` print the values that a user needs next, ready to paste. */
export function printOutputs(
  stack: Stack,
  deployment: Deployment,
  parts: {
    readonly delivery: Delivery;
    readonly uploader: iam.Role;
    readonly gateway: iam.Role;
    readonly alarms: sns.Topic;
  },
): void {
  const url = `https://${parts.delivery.host}`;
  const name = deployment.deployment;
  const outputs = {
    RemoteUrl: url,
    LxcRemoteAdd: `lxc remote add ${name} ${url} --protocol simplestreams`,
    IncusRemoteAdd: `incus remote add ${name} ${url} --protocol simplestreams`,
    UploadCommand: deployment.writeOnce
      ? // `aws s3 cp` has no condition to send along.
        `npx bucketstreams publish --store s3://${deployment.bucket} --product OS/RELEASE/ARCH/VARIANT FILES`
      : `aws s3 cp --recursive DIRECTORY s3://${deployment.bucket}/images/OS/RELEASE/ARCH/VARIANT/YYYYMMDD_HHMM/`,
    UploaderRole: parts.uploader.roleArn,
    GatewayRole: parts.gateway.roleArn,
    SubscribeToAlarms: `aws sns subscribe --topic-arn ${parts.alarms.topicArn} --protocol email --notification-endpoint ADDRESS`,
    DistributionId: parts.delivery.distribution.ref,
    DistributionDomain: parts.delivery.distribution.attrDomainName,
  };
  for (const [id, value] of Object.entries(outputs)) new CfnOutput(stack, id, { value });
}
