import { Match } from 'aws-cdk-lib/assertions';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deployment, resources, synthesise } from '../../support/aws/deployment.ts';

const { master, mirrors } = synthesise();
const all = [master, ...mirrors];

describe('the buckets', () => {
  it('are named by the configuration, one a stack', () => {
    assert.deepEqual(
      all.map((template) =>
        Object.values(resources(template, 'AWS::S3::Bucket')).map(
          ({ Properties }) => Properties['BucketName'],
        ),
      ),
      [['images-master'], ['images-west'], ['images-south']],
    );
  });

  it('are versioned, private, owned by the account, and encrypted with S3’s own key', () => {
    for (const template of all) {
      template.hasResourceProperties('AWS::S3::Bucket', {
        VersioningConfiguration: { Status: 'Enabled' },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [
            { ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } },
          ],
        },
      });
      template.resourceCountIs('AWS::KMS::Key', 0);
    }
  });

  it('deny requests without TLS', () => {
    for (const template of all) {
      template.hasResourceProperties('AWS::S3::BucketPolicy', {
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Effect: 'Deny',
              Principal: { AWS: '*' },
              Action: 's3:*',
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            }),
          ]),
        },
      });
    }
  });

  it('abort abandoned uploads, and keep the newest 50 old documents', () => {
    const old = (prefix: string) =>
      Match.objectLike({
        Prefix: prefix,
        Status: 'Enabled',
        NoncurrentVersionExpiration: { NoncurrentDays: 7, NewerNoncurrentVersions: 50 },
      });
    for (const template of all) {
      template.hasResourceProperties('AWS::S3::Bucket', {
        LifecycleConfiguration: {
          Rules: Match.arrayWith([
            Match.objectLike({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } }),
            Match.objectLike({
              Prefix: 'images/',
              NoncurrentVersionExpiration: { NoncurrentDays: 7 },
            }),
            old('catalog/'),
            old('streams/'),
          ]),
        },
      });
    }
  });

  it('remain when the stack is deleted, by default', () => {
    const policies = (destroyImages: boolean) => {
      const { master, mirrors } = synthesise(deployment({ destroyImages }));
      return [master, ...mirrors].flatMap((template) =>
        Object.values(resources(template, 'AWS::S3::Bucket')).map(
          (bucket) => bucket.DeletionPolicy,
        ),
      );
    };
    assert.deepEqual(policies(false), ['Retain', 'Retain', 'Retain']);
    assert.deepEqual(policies(true), ['Delete', 'Delete', 'Delete']);
  });

  it('deny overwriting images only when configured', () => {
    const statements = (writeOnce: boolean) =>
      JSON.stringify(
        resources(synthesise(deployment({ writeOnce })).master, 'AWS::S3::BucketPolicy'),
      );
    assert.ok(!statements(false).includes('s3:if-none-match'));
    const { master } = synthesise(deployment({ writeOnce: true }));
    master.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Effect: 'Deny',
            Action: 's3:PutObject',
            NotResource: Match.anyValue(),
            Condition: {
              Null: { 's3:if-none-match': 'true' },
              Bool: { 's3:ObjectCreationOperation': 'true' },
            },
          }),
        ]),
      },
    });
  });
});

describe('the stacks', () => {
  it('have no custom resource and no reference to each other', () => {
    for (const template of all) {
      const text = JSON.stringify(template.toJSON());
      assert.ok(!text.includes('Fn::ImportValue'));
      assert.ok(!/"Export":/.test(text));
      assert.ok(!/"Type":"(Custom::|AWS::CloudFormation::CustomResource)/.test(text));
    }
  });

  it('are deployed mirrors first', () => {
    const { stacks } = synthesise();
    assert.deepEqual(
      stacks.master.dependencies.map(({ stackName }) => stackName),
      ['live-mirror-west', 'live-mirror-south'],
    );
    for (const mirror of stacks.mirrors) assert.deepEqual(mirror.dependencies, []);
  });

  it('are each in its own region', () => {
    const { stacks } = synthesise();
    assert.equal(stacks.master.region, 'eu-central-1');
    assert.deepEqual(
      stacks.mirrors.map(({ region }) => region),
      ['us-west-2', 'ap-southeast-2'],
    );
  });
});

describe('replication', () => {
  it('copies only images, to the mirrors with that setting', () => {
    master.hasResourceProperties('AWS::S3::Bucket', {
      ReplicationConfiguration: {
        Rules: [
          {
            Id: 'south',
            Status: 'Enabled',
            Priority: 1,
            Filter: { Prefix: 'images/' },
            DeleteMarkerReplication: { Status: 'Disabled' },
            Destination: {
              Bucket: {
                'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::images-south']],
              },
              Metrics: { Status: 'Enabled' },
            },
          },
        ],
      },
    });
  });

  it('has the time control of S3 where it is configured', () => {
    const { master } = synthesise(deployment({ replicationTimeControl: true }));
    master.hasResourceProperties('AWS::S3::Bucket', {
      ReplicationConfiguration: {
        Rules: [
          {
            Destination: {
              Metrics: { Status: 'Enabled', EventThreshold: { Minutes: 15 } },
              ReplicationTime: { Status: 'Enabled', Time: { Minutes: 15 } },
            },
          },
        ],
      },
    });
  });

  it('does not exist, nor its role, where no mirror uses it', () => {
    const { master } = synthesise(deployment({ mirrors: [], failover: undefined }));
    master.hasResourceProperties('AWS::S3::Bucket', { ReplicationConfiguration: Match.absent() });
    assert.ok(!JSON.stringify(master.toJSON()).includes('live-eu-central-1-replication'));
  });

  it('gives every rule a different priority', () => {
    const plan = deployment();
    const { master } = synthesise({
      ...plan,
      mirrors: plan.mirrors.map((mirror) => ({ ...mirror, copy: 'replication' })),
    });
    const [bucket] = Object.values(resources(master, 'AWS::S3::Bucket'));
    const { Rules } = bucket!.Properties['ReplicationConfiguration'] as {
      readonly Rules: readonly { readonly Priority: number }[];
    };
    assert.deepEqual(
      Rules.map(({ Priority }) => Priority),
      [1, 2],
    );
  });
});
