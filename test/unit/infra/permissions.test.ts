import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ACCOUNT, deployment, resources, synthesise } from '../../support/aws/deployment.ts';
import { isAllowed, resolved, type Principal } from '../../support/aws/policies.ts';

const world = synthesise();
const MASTER = 'images-master';
const WEST = 'images-west';
const SOUTH = 'images-south';
const IMAGE = 'images/a/12/amd64/default/20260101/rootfs.squashfs';
const MARKER = 'images/a/12/amd64/default/20260101/removed.json';
const INDEX = 'streams/v1/index.json';
const CATALOG = 'catalog/catalog.json';
const MIRROR_CATALOG = 'catalog/mirror.json';
const RECORD = 'catalog/mirrors/west.json';
const OTHER_RECORD = 'catalog/mirrors/south.json';
const WAITING = 'uploads/waiting/id/rootfs.squashfs';
const OTHER = 'other/file';

const role = (name: string): Principal => ({ role: `live-eu-central-1-${name}` });
const uploader = role('uploader');
const gateway = role('gateway');
const index = role('index-images');
const sweep = role('sweep');
const west = role('fan-out-west');
const replication = role('replication');
const outsider: Principal = { outsider: 'somebody' };

const GET = 's3:GetObject';
const PUT = 's3:PutObject';
const DELETE = 's3:DeleteObject';
const LIST = 's3:ListBucket';
const READS = [GET];
const CHANGES = [PUT, DELETE];
const ALL_KEYS = [IMAGE, MARKER, INDEX, CATALOG, WAITING, OTHER];

type Row = readonly [
  Principal,
  actions: readonly string[],
  bucket: string,
  keys: readonly string[],
];
const UPLOADS = [PUT, 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'];

const allowed: readonly Row[] = [
  [uploader, UPLOADS, MASTER, [IMAGE, MARKER]],
  [uploader, READS, MASTER, [IMAGE, INDEX, CATALOG]],
  [gateway, UPLOADS, MASTER, [IMAGE, MARKER, WAITING]],
  [gateway, READS, MASTER, [IMAGE, MARKER, CATALOG, WAITING]],
  [gateway, [DELETE], MASTER, [IMAGE, WAITING]],
  [index, READS, MASTER, [IMAGE, INDEX, CATALOG]],
  [index, [PUT], MASTER, [INDEX, CATALOG]],
  [sweep, READS, MASTER, [IMAGE, INDEX, CATALOG]],
  [sweep, [PUT], MASTER, [INDEX, CATALOG]],
  [sweep, [DELETE], MASTER, [IMAGE, MARKER, WAITING]],
  [west, [GET], MASTER, [IMAGE, INDEX, CATALOG]],
  [west, [GET, PUT], MASTER, [RECORD]],
  [west, UPLOADS, WEST, [IMAGE]],
  [west, [GET, PUT], WEST, [IMAGE, INDEX, CATALOG, MIRROR_CATALOG]],
  [west, [DELETE], WEST, [IMAGE]],
  [replication, ['s3:GetObjectVersionForReplication'], MASTER, [IMAGE]],
  [replication, ['s3:ReplicateObject'], SOUTH, [IMAGE]],
];

const denied: readonly Row[] = [
  [uploader, [DELETE, 's3:DeleteObjectVersion'], MASTER, ALL_KEYS],
  [uploader, UPLOADS, MASTER, [INDEX, CATALOG, OTHER]],
  [uploader, READS, MASTER, [OTHER, MIRROR_CATALOG]],
  [uploader, [GET, PUT, DELETE], WEST, ALL_KEYS],
  [gateway, UPLOADS, MASTER, [INDEX, CATALOG, OTHER]],
  [gateway, [DELETE], MASTER, [INDEX, CATALOG, OTHER]],
  [gateway, ['s3:DeleteObjectVersion', 's3:GetObjectVersion'], MASTER, ALL_KEYS],
  [gateway, READS, MASTER, [OTHER, INDEX, MIRROR_CATALOG]],
  [gateway, [GET, PUT, DELETE], WEST, ALL_KEYS],
  [index, [PUT, DELETE], MASTER, [IMAGE, MARKER, OTHER]],
  [index, [DELETE], MASTER, [INDEX, CATALOG]],
  [index, [GET, PUT, DELETE], WEST, ALL_KEYS],
  [sweep, [PUT], MASTER, [IMAGE, MARKER, WAITING, OTHER]],
  [sweep, [DELETE], MASTER, [INDEX, CATALOG, OTHER]],
  [sweep, ['s3:DeleteObjectVersion'], MASTER, ALL_KEYS],
  [sweep, [GET, PUT, DELETE], WEST, ALL_KEYS],
  [west, CHANGES, MASTER, [...ALL_KEYS, OTHER_RECORD]],
  [west, [DELETE], MASTER, [RECORD]],
  [west, [GET, PUT, DELETE], SOUTH, ALL_KEYS],
  [west, [DELETE], WEST, [INDEX, CATALOG, MIRROR_CATALOG, OTHER]],
  [west, [PUT], WEST, [OTHER]],
  [replication, ['s3:GetObjectVersionForReplication'], MASTER, [INDEX, CATALOG, OTHER]],
  [replication, ['s3:ReplicateObject'], SOUTH, [INDEX, CATALOG, OTHER]],
  [replication, ['s3:ReplicateObject'], WEST, [IMAGE]],
  [replication, ['s3:ReplicateDelete', ...CHANGES], SOUTH, [IMAGE]],
  [outsider, [GET, ...CHANGES], MASTER, ALL_KEYS],
  [outsider, [GET, ...CHANGES], WEST, ALL_KEYS],
];

async function decide(rows: readonly Row[], expected: boolean): Promise<void> {
  for (const [principal, actions, bucket, keys] of rows) {
    for (const action of actions) {
      for (const key of keys) {
        const object = `${bucket}/${key}`;
        const answer = await isAllowed(world, { principal, action, object });
        assert.equal(answer, expected, `${JSON.stringify(principal)} ${action} ${object}`);
      }
    }
  }
}

describe('permissions, by the templates', () => {
  it('let each role do its work', () => decide(allowed, true));

  it('let no role do anything else', () => decide(denied, false));

  it('let roles list a bucket when they decide by what is absent', async () => {
    const may = (principal: Principal, bucket: string) =>
      isAllowed(world, { principal, action: LIST, object: bucket });
    for (const who of [uploader, gateway, index, sweep, west]) {
      assert.equal(await may(who, MASTER), true);
    }
    assert.equal(await may(west, WEST), true);
    assert.equal(await may(outsider, MASTER), false);
    for (const who of [uploader, gateway, index, sweep]) {
      assert.equal(await may(who, WEST), false);
    }
  });

  it('let only an uploader list unfinished uploads', async () => {
    const may = (principal: Principal) =>
      isAllowed(world, { principal, action: 's3:ListBucketMultipartUploads', object: MASTER });
    assert.equal(await may(uploader), true);
    for (const who of [gateway, index, sweep, west, outsider]) assert.equal(await may(who), false);
  });

  it('deny every request without TLS', async () => {
    for (const [principal, [action = ''], bucket, [key = '']] of allowed) {
      assert.equal(
        await isAllowed(world, {
          principal,
          action,
          object: `${bucket}/${key}`,
          context: { 'aws:SecureTransport': 'false' },
        }),
        false,
      );
    }
  });
});

describe('the CDN', () => {
  const template = world.mirrors[0]!;
  const ours = `arn:aws:cloudfront::${ACCOUNT}:distribution/E1`;
  const may = (distribution: string, action: string, object: string) =>
    isAllowed(world, { principal: { distribution }, action, object });

  it('reads what is public, also on a mirror, and sees what is missing', async () => {
    assert.equal(await may(ours, GET, `${WEST}/${IMAGE}`), true);
    assert.equal(await may(ours, GET, `${WEST}/${INDEX}`), true);
    assert.equal(await may(ours, LIST, WEST), true);
    assert.equal(await may(ours, GET, `${WEST}/${MIRROR_CATALOG}`), false);
    assert.equal(await may(ours, PUT, `${WEST}/${IMAGE}`), false);
    const foreign = 'arn:aws:cloudfront::999999999999:distribution/E1';
    assert.equal(await may(foreign, GET, `${WEST}/${IMAGE}`), false);
    assert.ok(JSON.stringify(template.toJSON()).includes('distribution/*'));
  });

  it('reads the master only with its one distribution', async () => {
    const [id = ''] = Object.keys(resources(world.master, 'AWS::CloudFront::Distribution'));
    const exact = `arn:aws:cloudfront::${ACCOUNT}:distribution/${id}`;
    assert.equal(await may(exact, GET, `${MASTER}/${IMAGE}`), true);
    assert.equal(await may(exact, GET, `${MASTER}/${INDEX}`), true);
    assert.equal(await may(exact, LIST, MASTER), true);
    assert.equal(await may(exact, GET, `${MASTER}/${CATALOG}`), false);
    assert.equal(await may(`${exact}2`, GET, `${MASTER}/${IMAGE}`), false);
  });
});

describe('write_once', () => {
  const strict = synthesise(deployment({ writeOnce: true }));
  const put = (key: string, context: Readonly<Record<string, string>>) =>
    isAllowed(strict, {
      principal: uploader,
      action: PUT,
      object: `${MASTER}/${key}`,
      context: { 's3:ObjectCreationOperation': 'true', ...context },
    });

  it('denies an image file without If-None-Match, and lets documents change', async () => {
    assert.equal(await put(IMAGE, {}), false);
    assert.equal(await put(IMAGE, { 's3:if-none-match': '*' }), true);
    // The parts of an upload cannot have that condition; its completion has it.
    assert.equal(await put(IMAGE, { 's3:ObjectCreationOperation': 'false' }), true);
    assert.equal(await put(MARKER, {}), true);
    assert.equal(await put('images/a/12/amd64/default/product.toml', {}), true);
  });

  it('blocks no function', async () => {
    for (const key of [INDEX, CATALOG]) {
      const question = { principal: index, action: PUT, object: `${MASTER}/${key}` };
      const context = { 's3:ObjectCreationOperation': 'true' };
      assert.equal(await isAllowed(strict, { ...question, context }), true);
    }
  });
});

describe('every role', () => {
  it('has a name of its own, no managed policy and no wildcard action', () => {
    const roles = Object.values(resources(world.master, 'AWS::IAM::Role'));
    assert.deepEqual(roles.map(({ Properties }) => Properties['RoleName']).toSorted(), [
      'live-eu-central-1-fan-out-south',
      'live-eu-central-1-fan-out-west',
      'live-eu-central-1-gateway',
      'live-eu-central-1-index-images',
      'live-eu-central-1-replication',
      'live-eu-central-1-sweep',
      'live-eu-central-1-uploader',
    ]);
    for (const { Properties } of roles) {
      assert.ok(!('ManagedPolicyArns' in Properties));
      const text = JSON.stringify(resolved(world.master, Properties['Policies']));
      assert.ok(!/"Action":"[^"]*\*/.test(text), text);
      assert.ok(!/"Action":\[[^\]]*\*/.test(text), text);
      assert.ok(!/"Resource":"\*"/.test(text), text);
    }
    world.master.resourceCountIs('AWS::IAM::Policy', 0);
  });
});
