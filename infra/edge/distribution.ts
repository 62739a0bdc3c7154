import { Aws, Fn } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { NagSuppressions } from 'cdk-nag';
import { Construct } from 'constructs';
import { ALLOWED_METHODS } from '../../src/facts/delivery-policy.ts';
import { edgeName } from '../../src/facts/deployment-names.ts';
import { failoverMirror, type Deployment } from '../deployment.ts';
import { edgeFunctionCode } from './viewer-function.ts';
import { edgePolicies } from './policies.ts';
import { originGroups, origins, type OriginIds } from './origins.ts';

/** Seconds for which an edge caches an error. They are few, so that a new upload is visible soon. */
const ERROR_SECONDS: Readonly<Record<number, number>> = {
  403: 5,
  404: 5,
  500: 1,
  502: 1,
  503: 1,
  504: 1,
};

/** The distribution in front of the master bucket and of the mirror that replaces it in a failure. */
export class Delivery extends Construct {
  readonly distribution: cloudfront.CfnDistribution;
  /** The host name for clients, without `https://`. */
  readonly host: string;

  constructor(scope: Construct, deployment: Deployment) {
    super(scope, 'Delivery');
    const access = new cloudfront.CfnOriginAccessControl(this, 'Access', {
      originAccessControlConfig: {
        name: edgeName(deployment, 'images'),
        originAccessControlOriginType: 's3',
        signingBehavior: 'always',
        signingProtocol: 'sigv4',
      },
    });
    const front = new cloudfront.CfnFunction(this, 'Front', {
      name: edgeName(deployment, 'front'),
      autoPublish: true,
      functionCode: edgeFunctionCode(),
      functionConfig: { comment: 'Answers what is no public object', runtime: 'cloudfront-js-2.0' },
    });
    const policies = edgePolicies(this, deployment);
    const failover = failoverMirror(deployment);
    const behaviour = (target: string) => ({
      targetOriginId: target,
      viewerProtocolPolicy: 'redirect-to-https',
      allowedMethods: [...ALLOWED_METHODS],
      cachedMethods: ['GET', 'HEAD'],
      functionAssociations: [
        { eventType: 'viewer-request', functionArn: front.attrFunctionMetadataFunctionArn },
      ],
    });
    const ids: OriginIds = { master: 'master', failover: 'failover' };
    const streams = failover === undefined ? ids.master : 'streams';
    const images = failover === undefined ? ids.master : 'images';

    this.distribution = new cloudfront.CfnDistribution(this, 'Distribution', {
      distributionConfig: {
        enabled: true,
        comment: `bucketstreams: ${deployment.deployment}`,
        httpVersion: 'http2and3',
        ipv6Enabled: true,
        origins: origins(deployment, ids, access.attrId),
        ...(failover === undefined ? {} : { originGroups: originGroups({ streams, images }, ids) }),
        // The function runs first for every path. The requests that it passes on belong to one of these two
        // behaviours.
        defaultCacheBehavior: {
          ...behaviour(streams),
          compress: true,
          cachePolicyId: policies.streamsCache,
          responseHeadersPolicyId: policies.streamsHeaders,
        },
        cacheBehaviors: [
          {
            ...behaviour(images),
            pathPattern: '/images/*',
            compress: false,
            cachePolicyId: policies.imagesCache,
            responseHeadersPolicyId: policies.imagesHeaders,
          },
        ],
        customErrorResponses: Object.entries(ERROR_SECONDS).map(([code, seconds]) => ({
          errorCode: Number(code),
          errorCachingMinTtl: seconds,
        })),
        ...this.#names(deployment),
      },
    });
    this.host = deployment.domains[0] ?? this.distribution.attrDomainName;
    this.#suppress(deployment);
  }

  get arn(): string {
    return Fn.join('', [
      'arn:',
      Aws.PARTITION,
      ':cloudfront::',
      Aws.ACCOUNT_ID,
      ':distribution/',
      this.distribution.ref,
    ]);
  }

  #names({ domains, certificate }: Deployment) {
    if (certificate === undefined)
      return { viewerCertificate: { cloudFrontDefaultCertificate: true } };
    return {
      aliases: [...domains],
      viewerCertificate: {
        acmCertificateArn: certificate,
        sslSupportMethod: 'sni-only',
        minimumProtocolVersion: 'TLSv1.2_2021',
      },
    };
  }

  #suppress({ certificate }: Deployment): void {
    NagSuppressions.addResourceSuppressions(this.distribution, [
      { id: 'AwsSolutions-CFR1', reason: 'Images are public, wherever the client is.' },
      {
        id: 'AwsSolutions-CFR2',
        reason:
          'There is no application behind it: a function refuses all but two prefixes of objects.',
      },
      {
        id: 'AwsSolutions-CFR3',
        reason: 'Access logs would cost more than the service, and hold clients’ addresses.',
      },
      ...(certificate === undefined
        ? [
            {
              id: 'AwsSolutions-CFR4',
              reason:
                'CloudFront fixes the policy of its own certificate; with [delivery] domains and a ' +
                'certificate it is TLSv1.2_2021.',
            },
          ]
        : []),
    ]);
  }
}
