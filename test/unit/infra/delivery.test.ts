import { Match } from 'aws-cdk-lib/assertions';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import { edgeFunctionCode } from '../../../infra/edge/viewer-function.ts';
import { DELIVERY_TABLE } from '../../support/aws/delivery-table.ts';
import { deployment, resources, synthesise } from '../../support/aws/deployment.ts';

const { master } = synthesise();

interface Behaviour {
  readonly TargetOriginId: string;
  readonly Compress: boolean;
  readonly ViewerProtocolPolicy: string;
  readonly AllowedMethods: readonly string[];
  readonly FunctionAssociations: readonly { readonly EventType: string }[];
  readonly CachePolicyId: { readonly 'Fn::GetAtt': readonly string[] };
  readonly ResponseHeadersPolicyId: { readonly 'Fn::GetAtt': readonly string[] };
  readonly PathPattern?: string;
}

interface DistributionConfig {
  readonly DefaultCacheBehavior: Behaviour;
  readonly CacheBehaviors: readonly Behaviour[];
  readonly Origins: readonly Readonly<Record<string, unknown>>[];
  readonly OriginGroups?: unknown;
  readonly ViewerCertificate: Readonly<Record<string, unknown>>;
  readonly Aliases?: readonly string[];
}

function configOf(template: typeof master): DistributionConfig {
  const [distribution] = Object.values(resources(template, 'AWS::CloudFront::Distribution'));
  return distribution!.Properties['DistributionConfig'] as DistributionConfig;
}

const config = configOf(master);
const streams = config.DefaultCacheBehavior;
const [images] = config.CacheBehaviors;

function policyOf(behaviour: Behaviour, which: 'CachePolicyId' | 'ResponseHeadersPolicyId') {
  const type = which === 'CachePolicyId' ? 'CachePolicy' : 'ResponseHeadersPolicy';
  const [id = ''] = behaviour[which]['Fn::GetAtt'];
  return resources(master, `AWS::CloudFront::${type}`)[id]!.Properties[`${type}Config`] as Readonly<
    Record<string, unknown>
  >;
}

describe('the distribution', () => {
  it('calls its function for every request, and redirects http to https', () => {
    assert.equal(config.CacheBehaviors.length, 1);
    assert.equal(images!.PathPattern, '/images/*');
    for (const behaviour of [streams, images!]) {
      assert.equal(behaviour.ViewerProtocolPolicy, 'redirect-to-https');
      assert.deepEqual(behaviour.AllowedMethods, ['GET', 'HEAD', 'OPTIONS']);
      assert.deepEqual(
        behaviour.FunctionAssociations.map(({ EventType }) => EventType),
        ['viewer-request'],
      );
    }
  });

  it('compresses the JSON, and never an image', () => {
    const encodings = (behaviour: Behaviour) => {
      const parameters = policyOf(behaviour, 'CachePolicyId')[
        'ParametersInCacheKeyAndForwardedToOrigin'
      ] as Readonly<Record<string, unknown>>;
      return [
        behaviour.Compress,
        parameters['EnableAcceptEncodingGzip'],
        parameters['EnableAcceptEncodingBrotli'],
      ];
    };
    assert.deepEqual(encodings(streams), [true, true, true]);
    assert.deepEqual(encodings(images!), [false, false, false]);
  });

  it('caches the JSON for a minute and images for a day, and sends these times to clients', () => {
    const seconds = (behaviour: Behaviour) => {
      const { DefaultTTL, MaxTTL, MinTTL } = policyOf(behaviour, 'CachePolicyId');
      return [MinTTL, DefaultTTL, MaxTTL];
    };
    assert.deepEqual(seconds(streams), [0, 60, 60]);
    assert.deepEqual(seconds(images!), [0, 86_400, 86_400]);
    const headers = JSON.stringify(policyOf(images!, 'ResponseHeadersPolicyId'));
    assert.ok(headers.includes('public, max-age=86400'));
  });

  it('opens the JSON to every web page', () => {
    const cors = (behaviour: Behaviour) =>
      policyOf(behaviour, 'ResponseHeadersPolicyId')['CorsConfig'] as
        { readonly AccessControlAllowOrigins: unknown } | undefined;
    assert.deepEqual(cors(streams)?.AccessControlAllowOrigins, { Items: ['*'] });
    assert.equal(cors(images!), undefined);
  });

  it('accesses the buckets with access control, under their regional names', () => {
    assert.deepEqual(
      config.Origins.map(({ DomainName }) => DomainName),
      ['images-master.s3.eu-central-1.amazonaws.com', 'images-west.s3.us-west-2.amazonaws.com'],
    );
    for (const origin of config.Origins) {
      assert.ok('OriginAccessControlId' in origin);
      assert.deepEqual(origin['S3OriginConfig'], { OriginAccessIdentity: '' });
    }
    master.hasResourceProperties('AWS::CloudFront::OriginAccessControl', {
      OriginAccessControlConfig: {
        OriginAccessControlOriginType: 's3',
        SigningBehavior: 'always',
        SigningProtocol: 'sigv4',
      },
    });
  });

  it('fails over for images when they are missing or the origin is down, for the JSON only when it is down', () => {
    const group = (behaviour: Behaviour, items: readonly number[]) =>
      Match.objectLike({
        Id: behaviour.TargetOriginId,
        FailoverCriteria: { StatusCodes: { Quantity: items.length, Items: items } },
        Members: { Quantity: 2, Items: [{ OriginId: 'master' }, { OriginId: 'failover' }] },
      });
    master.hasResourceProperties('AWS::CloudFront::Distribution', {
      DistributionConfig: {
        OriginGroups: {
          Quantity: 2,
          Items: Match.arrayWith([
            group(streams, [500, 502, 503, 504]),
            group(images!, [404, 500, 502, 503, 504]),
          ]),
        },
      },
    });
  });

  it('has only the master where no mirror is the failover', () => {
    const alone = configOf(synthesise(deployment({ failover: undefined })).master);
    assert.equal(alone.OriginGroups, undefined);
    assert.equal(alone.Origins.length, 1);
    assert.equal(alone.DefaultCacheBehavior.TargetOriginId, 'master');
  });

  it('caches errors for seconds only', () => {
    master.hasResourceProperties('AWS::CloudFront::Distribution', {
      DistributionConfig: {
        CustomErrorResponses: Match.arrayWith([
          { ErrorCode: 403, ErrorCachingMinTTL: 5 },
          { ErrorCode: 404, ErrorCachingMinTTL: 5 },
          { ErrorCode: 503, ErrorCachingMinTTL: 1 },
        ]),
      },
    });
  });

  it('has the configured names, with TLS 1.2 at least', () => {
    const certificate = 'arn:aws:acm:us-east-1:111122223333:certificate/abc';
    const named = configOf(
      synthesise(deployment({ domains: ['images.example.org'], certificate })).master,
    );
    assert.deepEqual(named.Aliases, ['images.example.org']);
    assert.deepEqual(named.ViewerCertificate, {
      AcmCertificateArn: certificate,
      SslSupportMethod: 'sni-only',
      MinimumProtocolVersion: 'TLSv1.2_2021',
    });
    assert.deepEqual(config.ViewerCertificate, { CloudFrontDefaultCertificate: true });
  });
});

describe('the function at the edge', () => {
  /**
   * The result of the viewer request event. The function's text runs alone, without anything of
   * Node.
   */
  function answer(uri: string, method = 'GET'): Readonly<Record<string, unknown>> {
    const event = { request: { method, uri, querystring: { a: { value: 'b' } }, headers: {} } };
    const text = `${edgeFunctionCode()}; JSON.stringify(handler(${JSON.stringify(event)}))`;
    return JSON.parse(String(runInNewContext(text))) as Readonly<Record<string, unknown>>;
  }

  for (const { path, answer: expected } of DELIVERY_TABLE) {
    const name = path.length > 60 ? `${path.slice(0, 60)}… (${path.length})` : path;
    it(`responds to ${JSON.stringify(name)} by the delivery policy`, () => {
      const actual = answer(path);
      if ('key' in expected) {
        assert.equal(actual['uri'], `/${expected.key}`);
        assert.deepEqual(actual['querystring'], {});
      } else {
        assert.equal(actual['statusCode'], expected.status);
      }
    });
  }

  it('responds to a preflight itself, because S3 would need its own configuration', () => {
    const preflight = answer('/streams/v1/index.json', 'OPTIONS');
    assert.equal(preflight['statusCode'], 204);
    assert.deepEqual(
      (preflight['headers'] as Readonly<Record<string, unknown>>)['access-control-allow-origin'],
      { value: '*' },
    );
    assert.equal(answer('/catalog/catalog.json', 'OPTIONS')['statusCode'], 404);
  });

  it('uses only what the runtime supports', () => {
    const code = edgeFunctionCode();
    assert.ok(Buffer.byteLength(code) < 10_240);
    // JavaScript runtime 2.0 is ES 5.1 with listed additions. These features are not in the list.
    assert.ok(!/\?\.|\?\?|\bclass\b|\bimport\b|#\w+\s*=/.test(code), code);
    master.hasResourceProperties('AWS::CloudFront::Function', {
      AutoPublish: true,
      FunctionCode: code,
      FunctionConfig: { Runtime: 'cloudfront-js-2.0' },
    });
  });
});
