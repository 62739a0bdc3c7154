import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ARCHITECTURE, buildBusyboxImage } from '../support/images/busybox-image.ts';
import { Deployer } from '../support/aws/cdk.ts';
import { readImages, readIndex } from '../support/clients.ts';
import { CommandError } from '../support/command.ts';
import { DELIVERY_TABLE } from '../support/aws/delivery-table.ts';
import { startEdgeFront, type EdgeFront } from '../support/servers/edge-front.ts';
import { eventually } from '../support/eventually.ts';
import { ask } from '../support/servers/https-request.ts';
import {
  DAEMON_KINDS,
  startDaemon,
  type InstanceDaemon,
} from '../support/servers/instance-daemon.ts';
import { startMinistack, type LocalAws } from '../support/aws/ministack.ts';
import { greetingFrom, listImages } from '../support/images/remote-images.ts';
import { temporaryFolder } from '../support/temporary.ts';

const MASTER = 'rehearsal-master';
const MIRRORS = { west: 'rehearsal-west', south: 'rehearsal-south' } as const;
const BUCKETS = [MASTER, ...Object.values(MIRRORS)];
const STACKS = [
  ['rehearsal-mirror-west', 'us-west-2'],
  ['rehearsal-mirror-south', 'ap-southeast-2'],
  ['rehearsal', 'eu-central-1'],
] as const;
const PRODUCT = `images/busybox/static/${ARCHITECTURE}/default`;
const FIRST = '20260101_0000';
const SECOND = '20260102_0000';

const CONFIG = `
[deployment]
name = "rehearsal"
[store]
master = "s3://${MASTER}?region=eu-central-1"
[mirrors.west]
store = "s3://${MIRRORS.west}?region=us-west-2"
[mirrors.south]
store = "s3://${MIRRORS.south}?region=ap-southeast-2"
`;

const resources = new AsyncDisposableStack();
let aws: LocalAws;
let folder: string;
let deployer: Deployer;
let front: EdgeFront;
let ca: string;
let deployed: string;
let outputs: Readonly<Record<string, string>>;
let uploader: NodeJS.ProcessEnv;
const daemons = new Map<string, InstanceDaemon>();

before(
  async () => {
    folder = resources.use(await temporaryFolder()).path;
    aws = resources.use(await startMinistack());
    ca = await readFile(aws.certificate, 'utf8');
    deployer = new Deployer(aws, folder);
    await deployer.configure(CONFIG);
    await deployer.bootstrap(...STACKS.map(([, region]) => region));
    deployed = await deployer.deploy();
    outputs = await deployer.outputs('rehearsal');
    uploader = await roleEnvironment(outputs['UploaderRole'] ?? '');
    front = resources.use(await startEdgeFront(aws, outputs['DistributionDomain'] ?? ''));
    for (const kind of DAEMON_KINDS) {
      daemons.set(kind, resources.use(await startDaemon(kind, { trust: aws.certificate })));
    }
  },
  { timeout: 600_000 },
);
after(() => resources.disposeAsync());

async function roleEnvironment(role: string): Promise<NodeJS.ProcessEnv> {
  const session = ['--role-arn', role, '--role-session-name', 'rehearsal'];
  const { Credentials } = JSON.parse(await aws.aws(['sts', 'assume-role', ...session])) as {
    readonly Credentials: Readonly<Record<string, string>>;
  };
  return {
    AWS_ACCESS_KEY_ID: Credentials['AccessKeyId'],
    AWS_SECRET_ACCESS_KEY: Credentials['SecretAccessKey'],
    AWS_SESSION_TOKEN: Credentials['SessionToken'],
  };
}

/** Builds an image and uploads it with the printed command, with the uploader's rights. */
async function upload(version: string, message: string): Promise<void> {
  const { directory } = await buildBusyboxImage(join(folder, version), message);
  const prefix = `s3://${MASTER}/${PRODUCT}/${version}/`;
  await aws.aws(['s3', 'cp', '--recursive', '--no-progress', directory, prefix], uploader);
}

async function fingerprint(version: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['lxd.tar.xz', 'rootfs.squashfs']) {
    hash.update(await readFile(join(folder, version, file)));
  }
  return hash.digest('hex');
}

async function read(bucket: string, key: string): Promise<Buffer> {
  return Buffer.from(await aws.aws(['s3', 'cp', `s3://${bucket}/${key}`, '-']));
}

/** The fingerprints that a bucket's public files list for Incus, by version. */
async function published(bucket: string): Promise<Readonly<Record<string, string>>> {
  readIndex(await read(bucket, 'streams/v1/index.json'));
  const images = readImages(await read(bucket, 'streams/v1/images.json')).imagesFor('incus');
  return Object.fromEntries(images.map(({ version, fingerprint }) => [version, fingerprint]));
}

async function untilPublished(bucket: string, version: string): Promise<void> {
  const expected = await fingerprint(version);
  await eventually(async () => (await published(bucket))[version] === expected, 120_000).catch(
    (error: unknown) => {
      throw new Error(`${version} in ${bucket}: the functions wrote\n${aws.log()}`, {
        cause: error,
      });
    },
  );
}

async function refusal(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof CommandError) return error.message;
    throw error;
  }
  throw new Error('It was allowed.');
}

async function queueLength(name: string): Promise<number> {
  const url = `${aws.endpoint}/${aws.account}/${name}`;
  const wanted = ['--attribute-names', 'ApproximateNumberOfMessages'];
  const answer = JSON.parse(
    await aws.aws(['sqs', 'get-queue-attributes', '--queue-url', url, ...wanted]),
  ) as { readonly Attributes: Readonly<Record<string, string>> };
  return Number(answer.Attributes['ApproximateNumberOfMessages']);
}

describe('cdk deploy', () => {
  it('makes all three stacks, each in its region, the master last', async () => {
    for (const [stack, region] of STACKS) {
      const query = ['--query', 'Stacks[0].StackStatus', '--output', 'text', '--region', region];
      const status = await aws.aws([
        ...['cloudformation', 'describe-stacks', '--stack-name', stack],
        ...query,
      ]);
      assert.equal(status.trim(), 'CREATE_COMPLETE');
    }
    const order = [...deployed.matchAll(/✅ +(\S+)/g)].map(([, stack]) => stack);
    assert.deepEqual(
      order,
      STACKS.map(([stack]) => stack),
    );
  });

  it('prints what a user needs next, ready to paste', () => {
    const url = `https://${outputs['DistributionDomain'] ?? ''}`;
    assert.equal(outputs['RemoteUrl'], url);
    assert.equal(
      outputs['LxcRemoteAdd'],
      `lxc remote add rehearsal ${url} --protocol simplestreams`,
    );
    assert.match(
      outputs['UploadCommand'] ?? '',
      new RegExp(`^aws s3 cp --recursive DIRECTORY s3://${MASTER}/images/`),
    );
  });
});

describe('an uploaded image', () => {
  it('is published by the deployed function, on the master', async () => {
    await upload(FIRST, 'from the cloud');
    await untilPublished(MASTER, FIRST);
  });

  for (const [mirror, bucket] of Object.entries(MIRRORS)) {
    it(`is published on the mirror ${mirror}, complete`, async () => {
      await untilPublished(bucket, FIRST);
      for (const file of ['lxd.tar.xz', 'rootfs.squashfs']) {
        const target = join(folder, `${mirror}-${file}`);
        await aws.aws(['s3', 'cp', `s3://${bucket}/${PRODUCT}/${FIRST}/${file}`, target]);
        assert.deepEqual(await readFile(target), await readFile(join(folder, FIRST, file)));
      }
    });
  }

  for (const kind of DAEMON_KINDS) {
    it(`is launched by the real ${kind} through the distribution`, async () => {
      const daemon = daemons.get(kind)!;
      await daemon.client('remote', 'add', 'cloud', front.url, '--protocol=simplestreams');
      const [image] = await listImages(daemon, 'cloud:');
      assert.equal(image?.fingerprint, await fingerprint(FIRST));
      assert.equal(await greetingFrom(daemon, 'cloud:busybox/static'), 'from the cloud\n');
    });
  }
});

describe('the distribution', () => {
  const get = (path: string, method = 'GET', headers = {}) =>
    ask(front.url, { ca, path, method, headers });

  it('responds by the delivery policy', async () => {
    for (const { path, answer } of DELIVERY_TABLE) {
      // Some paths cannot be sent: a request line has no spaces and no letters beyond ASCII.
      if (!/^\/[\x21-\x7e]*$/.test(path) || path.includes('?')) continue;
      const { status } = await get(path);
      if ('status' in answer) assert.equal(status, answer.status, path);
      // Ministack responds with 403 for every absent key, whatever the bucket's policy. On AWS the
      // status is 404 with the right to list, which test/unit/infra asserts in the template.
      else assert.ok([200, 403].includes(status), `${path}: ${status}`);
    }
  });

  it('serves the JSON to every web page, for a minute', async () => {
    const { status, headers } = await get('/streams/v1/index.json', 'GET', {
      origin: 'https://ui.example.org',
    });
    assert.equal(status, 200);
    assert.equal(headers['cache-control'], 'public, max-age=60');
    assert.equal(headers['access-control-allow-origin'], '*');
    const preflight = await get('/streams/v1/index.json', 'OPTIONS');
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-origin'], '*');
  });

  it('serves images whole and in ranges, for a day, never encoded', async () => {
    const path = `/${PRODUCT}/${FIRST}/rootfs.squashfs`;
    const bytes = await readFile(join(folder, FIRST, 'rootfs.squashfs'));
    const whole = await get(path, 'GET', { 'accept-encoding': 'gzip, br' });
    assert.deepEqual(whole.body, bytes);
    assert.equal(whole.headers['content-encoding'], undefined);
    assert.equal(whole.headers['cache-control'], 'public, max-age=86400');
    const range = await get(path, 'GET', { range: 'bytes=10-19' });
    assert.equal(range.status, 206);
    assert.deepEqual(range.body, bytes.subarray(10, 20));
    const head = await get(path, 'HEAD');
    assert.equal(Number(head.headers['content-length']), bytes.length);
    const again = await get(path, 'GET', { 'if-none-match': whole.headers.etag });
    assert.equal(again.status, 304);
  });

  it('is the only access: the buckets deny every direct request', async () => {
    for (const bucket of BUCKETS) {
      for (const key of ['streams/v1/index.json', `${PRODUCT}/${FIRST}/lxd.tar.xz`]) {
        const { status } = await ask(`${aws.endpoint}/${bucket}/${key}`, { ca });
        assert.equal(status, 403, `${bucket}/${key}`);
      }
    }
  });
});

describe('the uploader’s role', () => {
  it('can read the state of an upload', async () => {
    const catalog = await aws.aws(
      ['s3', 'cp', `s3://${MASTER}/catalog/catalog.json`, '-'],
      uploader,
    );
    assert.match(catalog, new RegExp(FIRST));
  });

  it('cannot delete, write what the functions write, or reach a mirror', async () => {
    const file = join(folder, FIRST, 'lxd.tar.xz');
    for (const args of [
      ['rm', `s3://${MASTER}/${PRODUCT}/${FIRST}/lxd.tar.xz`],
      ['cp', file, `s3://${MASTER}/catalog/catalog.json`],
      ['cp', file, `s3://${MASTER}/streams/v1/images.json`],
      ['cp', file, `s3://${MIRRORS.west}/${PRODUCT}/${FIRST}/lxd.tar.xz`],
      ['ls', `s3://${MIRRORS.west}/`],
    ]) {
      assert.match(
        await refusal(aws.aws(['s3', ...args], uploader)),
        /AccessDenied/,
        args.join(' '),
      );
    }
  });
});

describe('a message that can never be read', () => {
  it('is moved to the dead letters, while the other messages are processed', async () => {
    const url = `${aws.endpoint}/${aws.account}/rehearsal-index`;
    await aws.aws(['sqs', 'send-message', '--queue-url', url, '--message-body', 'no event']);
    await upload(SECOND, 'second version');
    await untilPublished(MASTER, SECOND);
    await eventually(async () => (await queueLength('rehearsal-index-dead')) === 1, 180_000);
    for (const bucket of Object.values(MIRRORS)) await untilPublished(bucket, SECOND);
  });
});

describe('the sweep', () => {
  it('finds an upload whose event was lost', async () => {
    const notifications = ['--bucket', MASTER, '--notification-configuration'];
    const configuration = await aws.aws([
      ...['s3api', 'get-bucket-notification-configuration', '--bucket', MASTER],
    ]);
    await aws.aws(['s3api', 'put-bucket-notification-configuration', ...notifications, '{}']);
    const version = '20260103_0000';
    await upload(version, 'unheard of');
    await aws.aws([
      ...['s3api', 'put-bucket-notification-configuration', ...notifications],
      configuration,
    ]);
    assert.equal((await published(MASTER))[version], undefined);
    await sweep();
    await untilPublished(MASTER, version);
  });
});

async function sweep(): Promise<void> {
  const answer = await aws.aws([
    ...['lambda', 'invoke', '--function-name', 'rehearsal-sweep', join(folder, 'sweep.json')],
  ]);
  assert.ok(!answer.includes('FunctionError'), answer + aws.log());
}

describe('cdk deploy with copying by S3 itself', () => {
  it('lets the mirror publish what S3 replicated', async () => {
    await deployer.configure(`${CONFIG}copy = "replication"\n`);
    await deployer.deploy();
    // Ministack replicates, but does not set that up from a template. So the test sets the
    // template's rules through the API.
    const template = JSON.parse(
      await readFile(join(deployer.output, 'rehearsal.template.json'), 'utf8'),
    ) as { readonly Resources: Readonly<Record<string, { readonly Properties: object }>> };
    const { Rules } = Object.values(template.Resources).flatMap(({ Properties }) =>
      'ReplicationConfiguration' in Properties
        ? [Properties.ReplicationConfiguration as { readonly Rules: readonly object[] }]
        : [],
    )[0]!;
    const rules = Rules.map((rule) => ({
      ...rule,
      ID: 'south',
      Id: undefined,
      Destination: { Bucket: `arn:aws:s3:::${MIRRORS.south}` },
    }));
    const role = `arn:aws:iam::${aws.account}:role/rehearsal-eu-central-1-replication`;
    await aws.aws([
      ...['s3api', 'put-bucket-replication', '--bucket', MASTER, '--replication-configuration'],
      JSON.stringify({ Role: role, Rules: rules }),
    ]);
    const version = '20260104_0000';
    await upload(version, 'copied by S3');
    await untilPublished(MIRRORS.south, version);
    const replica = await aws.aws([
      ...['s3api', 'head-object', '--bucket', MIRRORS.south],
      ...['--key', `${PRODUCT}/${version}/rootfs.squashfs`, '--query', 'ReplicationStatus'],
    ]);
    assert.equal(JSON.parse(replica), 'REPLICA');
    const { files } = JSON.parse(String(await read(MIRRORS.south, 'catalog/mirror.json'))) as {
      readonly files: Readonly<Record<string, { readonly proof: string }>>;
    };
    // On AWS a replica has its source's version id, and that is the proof. Ministack gives it
    // another version id, so the function reads the bytes. It copies the bytes in neither case.
    assert.equal(files[`${PRODUCT}/${version}/rootfs.squashfs`]?.proof, 'read');
    // Keys that belong only to the master stay there.
    await assert.rejects(read(MIRRORS.south, 'catalog/catalog.json'), CommandError);
  });
});

describe('cdk deploy with other settings', () => {
  it('keeps what is stored, and applies the settings', async () => {
    const before = await published(MASTER);
    await deployer.configure(
      `${CONFIG}copy = "replication"\n[delivery]\nfailover = "west"\n[publish]\nclients = ["incus"]\n`,
    );
    await deployer.deploy();
    assert.deepEqual(await published(MASTER), before);
    await sweep();
    await eventually(async () => {
      const images = readImages(await read(MASTER, 'streams/v1/images.json'));
      const all = Object.keys(before).length;
      return images.imagesFor('lxd').length === 0 && images.imagesFor('incus').length === all;
    }, 120_000);
    // Ministack has origin groups in its API but does not apply them to requests. test/unit/infra
    // asserts in the template that they fail over, and on which statuses.
    const distribution = await aws.aws([
      ...['cloudfront', 'get-distribution-config', '--id', outputs['DistributionId'] ?? ''],
      ...['--query', 'DistributionConfig.OriginGroups.Items[].Members.Items[].OriginId'],
    ]);
    assert.deepEqual(JSON.parse(distribution), ['master', 'failover', 'master', 'failover']);
  });
});

describe('cdk destroy', () => {
  it('leaves the images', async () => {
    const before = await Promise.all(BUCKETS.map((bucket) => objects(bucket)));
    await deployer.destroy();
    assert.deepEqual(await Promise.all(BUCKETS.map((bucket) => objects(bucket))), before);
    for (const [stack, region] of STACKS) {
      const args = ['--stack-name', stack, '--region', region];
      await assert.rejects(aws.aws(['cloudformation', 'describe-stacks', ...args]), CommandError);
    }
  });

  it('can be followed by a deployment that adopts the same buckets again', async () => {
    for (const [index, [stack, region]] of STACKS.entries()) {
      await deployer.prepare(stack, 'return', '--import-existing-resources');
      const changes = await aws.aws([
        ...['cloudformation', 'describe-change-set', '--stack-name', stack, '--region', region],
        ...['--change-set-name', 'return', '--query'],
        "Changes[].ResourceChange | [?ResourceType=='AWS::S3::Bucket'].[ResourceType,Action,PhysicalResourceId][]",
      ]);
      const bucket = [MIRRORS.west, MIRRORS.south, MASTER][index];
      assert.deepEqual(JSON.parse(changes), ['AWS::S3::Bucket', 'Import', bucket]);
    }
    // Ministack plans the import, but when it executes the import it rejects any bucket that
    // exists. AWS does both.
  });

  function objects(bucket: string): Promise<string> {
    return aws.aws(['s3', 'ls', '--recursive', `s3://${bucket}/images/`]);
  }
});
