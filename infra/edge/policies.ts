import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import type { Construct } from 'constructs';
import { ALLOWED_METHODS } from '../../src/facts/delivery-policy.ts';
import { edgeName } from '../../src/facts/deployment-names.ts';
import type { Deployment } from '../deployment.ts';

/** An uploaded file must never run as a page of this site. */
const NO_PAGE = "default-src 'none'; sandbox";

/** The ids of the policies for the two kinds of objects. */
export interface EdgePolicies {
  readonly streamsCache: string;
  readonly imagesCache: string;
  readonly streamsHeaders: string;
  readonly imagesHeaders: string;
}

export function edgePolicies(scope: Construct, deployment: Deployment): EdgePolicies {
  const { streams, images } = deployment.maxAge;
  return {
    streamsCache: cache(scope, deployment, 'Streams', { seconds: streams, compress: true }),
    imagesCache: cache(scope, deployment, 'Images', { seconds: images, compress: false }),
    streamsHeaders: headers(scope, deployment, 'Streams', { seconds: streams, cors: true }),
    imagesHeaders: headers(scope, deployment, 'Images', { seconds: images, cors: false }),
  };
}

/**
 * Creates a policy with one cache entry for each object. Queries, cookies and headers make no other entries;
 * only the compression of the JSON does.
 */
function cache(
  scope: Construct,
  deployment: Deployment,
  what: 'Streams' | 'Images',
  { seconds, compress }: { readonly seconds: number; readonly compress: boolean },
): string {
  return new cloudfront.CfnCachePolicy(scope, `${what}Cache`, {
    cachePolicyConfig: {
      name: edgeName(deployment, what.toLowerCase()),
      minTtl: 0,
      // For image files: their uploaders set no Cache-Control.
      defaultTtl: seconds,
      maxTtl: seconds,
      parametersInCacheKeyAndForwardedToOrigin: {
        cookiesConfig: { cookieBehavior: 'none' },
        headersConfig: { headerBehavior: 'none' },
        queryStringsConfig: { queryStringBehavior: 'none' },
        enableAcceptEncodingGzip: compress,
        enableAcceptEncodingBrotli: compress,
      },
    },
  }).attrId;
}

function headers(
  scope: Construct,
  deployment: Deployment,
  what: 'Streams' | 'Images',
  { seconds, cors }: { readonly seconds: number; readonly cors: boolean },
): string {
  return new cloudfront.CfnResponseHeadersPolicy(scope, `${what}Headers`, {
    responseHeadersPolicyConfig: {
      name: edgeName(deployment, what.toLowerCase()),
      customHeadersConfig: {
        items: [{ header: 'Cache-Control', value: `public, max-age=${seconds}`, override: true }],
      },
      securityHeadersConfig: {
        contentTypeOptions: { override: true },
        contentSecurityPolicy: { contentSecurityPolicy: NO_PAGE, override: true },
      },
      ...(cors
        ? {
            corsConfig: {
              accessControlAllowCredentials: false,
              accessControlAllowHeaders: { items: ['*'] },
              accessControlAllowMethods: { items: [...ALLOWED_METHODS] },
              accessControlAllowOrigins: { items: ['*'] },
              accessControlExposeHeaders: { items: ['ETag', 'Last-Modified'] },
              accessControlMaxAgeSec: 86_400,
              originOverride: true,
            },
          }
        : {}),
    },
  }).attrId;
}
