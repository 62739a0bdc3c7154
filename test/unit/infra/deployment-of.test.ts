import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { deploymentOf } from '../../../infra/deployment-of.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { loadConfig } from '../../../src/config/load-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'deployment-of-'));
after(() => rmSync(folder, { recursive: true }));

async function planOf(toml: string, region?: string) {
  writeFileSync(join(folder, 'bucketstreams.toml'), toml);
  return deploymentOf(await loadConfig({ cwd: folder }), region);
}

const MASTER = '[store]\nmaster = "s3://images-master?region=eu-central-1"\n';
const WEST = '[mirrors.west]\nstore = "s3://images-west?region=us-west-2"\n';

describe('deploymentOf', () => {
  it('takes buckets, regions and settings from the configuration', async () => {
    const { deployment, warnings } = await planOf(
      `${MASTER}${WEST}newest = 3\n[delivery]\nfailover = "west"\n[publish]\nclients = ["incus"]\n`,
    );
    assert.deepEqual(warnings, []);
    assert.equal(deployment.deployment, 'bucketstreams');
    assert.equal(deployment.bucket, 'images-master');
    assert.equal(deployment.region, 'eu-central-1');
    assert.equal(deployment.failover, 'west');
    assert.deepEqual(deployment.mirrors, [
      {
        name: 'west',
        bucket: 'images-west',
        region: 'us-west-2',
        copy: 'fan-out',
        settings: {
          store: 's3://images-west?region=us-west-2',
          copy: 'fan-out',
          include: [],
          exclude: [],
          newest: 3,
        },
      },
    ]);
    assert.deepEqual(deployment.settings['clients'], ['incus']);
    assert.equal(deployment.settings['edgeSeconds'], 86_400);
    assert.equal(deployment.writeOnce, false);
  });

  it('makes keys write-once by default where S3 replicates', async () => {
    const { deployment } = await planOf(`${MASTER}${WEST}copy = "replication"\n`);
    assert.equal(deployment.writeOnce, true);
  });

  it('takes the master’s region from the credentials where its URL names none', async () => {
    const toml = '[store]\nmaster = "s3://images-master"\n';
    assert.equal((await planOf(toml, 'eu-north-1')).deployment.region, 'eu-north-1');
  });

  it('leaves out mirrors outside AWS, and warns about it', async () => {
    const { deployment, warnings } = await planOf(`${MASTER}[mirrors.here]\nstore = "file:./m"\n`);
    assert.deepEqual(deployment.mirrors, []);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /mirror sync here/);
  });

  for (const [name, toml, line, key] of [
    ['a directory for a master', '[store]\nmaster = "file:./data"\n', 2, 'store.master'],
    [
      'a master at another service',
      '\n[store]\nmaster = "s3://images?endpoint=https://minio.example.org"\n',
      3,
      'store.master',
    ],
    ['a master without a region', '[store]\nmaster = "s3://images"\n', 2, 'store.master'],
    [
      'a bucket with a dot',
      '[store]\nmaster = "s3://images.example?region=eu-central-1"\n',
      2,
      'store.master',
    ],
    [
      'a mirror without a region',
      `${MASTER}[mirrors.west]\nstore = "s3://west"\n`,
      4,
      'mirrors.west.store',
    ],
    [
      'a mirror with other credentials',
      `${MASTER}${WEST}credentials = "profile:other"\n`,
      5,
      'mirrors.west.credentials',
    ],
    [
      'a failover that CloudFront cannot reach',
      `${MASTER}[mirrors.here]\nstore = "file:./m"\n[delivery]\nfailover = "here"\n`,
      6,
      'delivery.failover',
    ],
    ['an unknown key', `${MASTER}[mirror]\n`, 3, 'mirror'],
    [
      'a mirror that is the master',
      `${MASTER}[mirrors.west]\nstore = "s3://images-master?region=us-west-2"\n`,
      4,
      'mirrors.west.store',
    ],
    ['two mirrors of one name', `${MASTER}${WEST}${WEST}`, 5, ''],
    [
      'a domain without a certificate',
      `${MASTER}[delivery]\ndomains = ["images.example.org"]\n`,
      4,
      'delivery.domains',
    ],
    [
      'a region that there is not',
      '[store]\nmaster = "s3://images-master?region=moon-1"\n',
      2,
      'store.master',
    ],
  ] as const) {
    it(`rejects ${name} with file, line and key`, async () => {
      await assert.rejects(planOf(toml), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.equal(error.file, join(folder, 'bucketstreams.toml'));
        assert.equal(error.key, key);
        assert.equal(error.line, line);
        assert.match(error.message, /; \S/);
        return true;
      });
    });
  }
});
