import type * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { failoverMirror, type Deployment } from '../deployment.ts';

export interface OriginIds {
  readonly master: string;
  readonly failover: string;
}

const SERVER_ERRORS = [500, 502, 503, 504];

export function origins(
  deployment: Deployment,
  ids: OriginIds,
  accessControl: string,
): cloudfront.CfnDistribution.OriginProperty[] {
  const origin = (id: string, location: { readonly bucket: string; readonly region: string }) => ({
    id,
    // The regional name: the global one redirects during the first hours of a new bucket.
    domainName: `${location.bucket}.s3.${location.region}.amazonaws.com`,
    originAccessControlId: accessControl,
    // Access is by the control alone. S3 requires this property with an empty value.
    s3OriginConfig: { originAccessIdentity: '' },
    connectionAttempts: 2,
    connectionTimeout: 5,
  });
  const failover = failoverMirror(deployment);
  return [
    origin(ids.master, deployment),
    ...(failover === undefined ? [] : [origin(ids.failover, failover)]),
  ];
}

/**
 * A mirror may have an image that the master has lost, so a 404 for an image fails over too. The mirror has
 * its own public JSON, which may be older. So for public JSON it is used only when the master does not
 * respond, never when an object is missing.
 */
export function originGroups(
  groups: { readonly streams: string; readonly images: string },
  ids: OriginIds,
): cloudfront.CfnDistribution.OriginGroupsProperty {
  const group = (id: string, statuses: readonly number[]) => ({
    id,
    failoverCriteria: { statusCodes: { quantity: statuses.length, items: [...statuses] } },
    members: { quantity: 2, items: [{ originId: ids.master }, { originId: ids.failover }] },
  });
  return {
    quantity: 2,
    items: [group(groups.streams, SERVER_ERRORS), group(groups.images, [404, ...SERVER_ERRORS])],
  };
}
