import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import type { Deployment } from '../../../infra/deployment.ts';
import { resources, synthesise } from './deployment.ts';

/** A bucket behind a distribution, and how the distribution connects to it. */
export interface EdgeOrigin {
  readonly id: string;
  /** `bucket.s3.region.amazonaws.com`. */
  readonly domain: string;
  readonly attempts: number;
  /** Milliseconds. */
  readonly connectMs: number;
}

/** The members that serve a request: the first origin, or the next one when it fails. */
export interface EdgeRoute {
  readonly members: readonly EdgeOrigin[];
  /** Statuses of a member at which the next one is used. */
  readonly failoverStatuses: readonly number[];
}

/** The result of the function at the edge for a request. */
export type EdgeVerdict =
  { readonly uri: string } | { readonly statusCode: number; readonly headers: object };

/** A distribution as the template of a deployment describes it. */
export interface DistributionPlan {
  /** Routes by the path patterns of their behaviours. */
  routeOf(path: string): EdgeRoute;
  judge(method: string, path: string): EdgeVerdict;
}

interface Template {
  readonly Origins: readonly {
    readonly Id: string;
    readonly DomainName: string;
    readonly ConnectionAttempts: number;
    readonly ConnectionTimeout: number;
  }[];
  readonly OriginGroups: {
    readonly Items: readonly {
      readonly Id: string;
      readonly FailoverCriteria: { readonly StatusCodes: { readonly Items: readonly number[] } };
      readonly Members: { readonly Items: readonly { readonly OriginId: string }[] };
    }[];
  };
  readonly DefaultCacheBehavior: { readonly TargetOriginId: string };
  readonly CacheBehaviors: readonly {
    readonly TargetOriginId: string;
    readonly PathPattern: string;
  }[];
}

/** Reads the distribution with origin groups from the template of a deployment. */
export function distributionOf(deployment: Deployment): DistributionPlan {
  const { master } = synthesise(deployment);
  const only = (type: string) => {
    const found = Object.values(resources(master, `AWS::CloudFront::${type}`));
    assert.equal(found.length, 1, type);
    return found[0]!.Properties;
  };
  const config = only('Distribution')['DistributionConfig'] as Template;
  const code = only('Function')['FunctionCode'] as string;

  const origins = new Map(
    config.Origins.map((origin) => [
      origin.Id,
      {
        id: origin.Id,
        domain: origin.DomainName,
        attempts: origin.ConnectionAttempts,
        connectMs: origin.ConnectionTimeout * 1000,
      },
    ]),
  );
  const routeTo = (target: string): EdgeRoute => {
    const group = config.OriginGroups.Items.find(({ Id }) => Id === target);
    assert.ok(group, `${target} is an origin group`);
    return {
      members: group.Members.Items.map(({ OriginId }) => origins.get(OriginId)!),
      failoverStatuses: group.FailoverCriteria.StatusCodes.Items,
    };
  };
  return {
    routeOf: (path) => {
      const fitting = config.CacheBehaviors.find(({ PathPattern }) => {
        assert.match(PathPattern, /^[^*?]+\*$/, 'a prefix');
        return path.startsWith(PathPattern.slice(0, -1));
      });
      return routeTo((fitting ?? config.DefaultCacheBehavior).TargetOriginId);
    },
    judge: (method, uri) => {
      const event = { request: { method, uri, querystring: {}, headers: {} } };
      const text = `${code}; JSON.stringify(handler(${JSON.stringify(event)}))`;
      return JSON.parse(String(runInNewContext(text))) as EdgeVerdict;
    },
  };
}
