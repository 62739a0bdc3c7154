import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../src/config/config-error.ts';
import { defaultConfig, loadConfig, parseConfig } from '../../../src/config/load-config.ts';
import { DEFAULT_ALIASES } from '../../../src/simplestreams/aliases.ts';

const FILE = '/etc/images/bucketstreams.toml';

const FULL = `
[store]
master = "s3://images-master?region=eu-central-1"
credentials = "profile:images"

[mirrors.paris]
store = "s3://images-paris?region=eu-west-3"
copy = "replication"
include = ["ubuntu/*/amd64/*", "alpine"]
exclude = ["ubuntu/trusty"]
newest = 3

[mirrors.garage]
store = "s3://images?endpoint=https://garage.example:3900&region=garage"
credentials = "env:GARAGE"

[mirrors."office"]
store = "file:mirror"

[publish]
clients = ["incus"]
aliases = ["{os}/{release}", { template = "{os}", variant = "default" }]

[delivery]
domains = ["images.example.org"]
certificate = "arn:aws:acm:us-east-1:123456789012:certificate/0a1b"
failover = "paris"
streams_max_age = 30
images_max_age = 3600
write_once = false

[retention]
keep = 3
max_age_days = 90
grace = 10800

[log]
level = "debug"
format = "json"

[serve]
host = "0.0.0.0"
port = 443
names = ["images.example.org"]
tls_cert = "server.crt"
tls_key = "/etc/ssl/server.key"
state = "state"
watch = false
scan_every = 60
settle = 0.5
idle_timeout = 30

[deployment]
name = "images"
destroy_images = true
replication_time_control = true
`;

describe('the configuration', () => {
  it('has a default for everything', () => {
    assert.deepEqual(parseConfig('', FILE), {
      store: {
        location: { kind: 'directory', path: '/etc/images/data' },
        credentials: { kind: 'default' },
      },
      mirrors: [],
      publish: { clients: ['lxd', 'incus'], aliases: DEFAULT_ALIASES },
      delivery: { domains: [], streamsMaxAge: 60, imagesMaxAge: 86_400, writeOnce: false },
      retention: { grace: 7200 },
      log: { format: 'text' },
      serve: {
        host: '127.0.0.1',
        port: 8443,
        names: [],
        http: false,
        watch: true,
        scanEvery: 300,
        settle: 1,
        idleTimeout: 120,
      },
      deployment: { name: 'bucketstreams', destroyImages: false, replicationTimeControl: false },
    });
  });

  it('accepts every setting', () => {
    assert.deepEqual(parseConfig(FULL, FILE), {
      store: {
        location: { kind: 'bucket', bucket: 'images-master', region: 'eu-central-1' },
        credentials: { kind: 'profile', name: 'images' },
      },
      mirrors: [
        {
          name: 'paris',
          location: { kind: 'bucket', bucket: 'images-paris', region: 'eu-west-3' },
          credentials: { kind: 'default' },
          copy: 'replication',
          include: ['ubuntu/*/amd64/*', 'alpine'],
          exclude: ['ubuntu/trusty'],
          newest: 3,
        },
        {
          name: 'garage',
          location: {
            kind: 'bucket',
            bucket: 'images',
            region: 'garage',
            endpoint: 'https://garage.example:3900',
          },
          credentials: { kind: 'env', prefix: 'GARAGE' },
          copy: 'fan-out',
          include: [],
          exclude: [],
        },
        {
          name: 'office',
          location: { kind: 'directory', path: '/etc/images/mirror' },
          credentials: { kind: 'default' },
          copy: 'fan-out',
          include: [],
          exclude: [],
        },
      ],
      publish: {
        clients: ['incus'],
        aliases: [{ template: '{os}/{release}' }, { template: '{os}', variant: 'default' }],
      },
      delivery: {
        domains: ['images.example.org'],
        certificate: 'arn:aws:acm:us-east-1:123456789012:certificate/0a1b',
        failover: 'paris',
        streamsMaxAge: 30,
        imagesMaxAge: 3600,
        writeOnce: false,
      },
      retention: { keep: 3, maxAgeDays: 90, grace: 10_800 },
      log: { level: 'debug', format: 'json' },
      serve: {
        host: '0.0.0.0',
        port: 443,
        names: ['images.example.org'],
        http: false,
        tls: { certFile: '/etc/images/server.crt', keyFile: '/etc/ssl/server.key' },
        state: '/etc/images/state',
        watch: false,
        scanEvery: 60,
        settle: 0.5,
        idleTimeout: 30,
      },
      deployment: { name: 'images', destroyImages: true, replicationTimeControl: true },
    });
  });

  it('reads the old name of a renamed key', () => {
    assert.equal(parseConfig('[serve]\nenumerate_every = 60', FILE).serve.scanEvery, 60);
  });

  it('makes keys write-once by default where S3 replicates them', () => {
    const toml = (copy: string) =>
      `[store]\nmaster = "s3://aaa"\n[mirrors.m]\nstore = "s3://bbb"\ncopy = "${copy}"`;
    assert.equal(parseConfig(toml('replication'), FILE).delivery.writeOnce, true);
    assert.equal(parseConfig(toml('fan-out'), FILE).delivery.writeOnce, false);
  });

  const wrong: [toml: string, line: number, key: string, said: RegExp][] = [
    ['[stor]\nmaster = "file:x"', 1, 'stor', /not known.*store/],
    ['\n[store]\nmastre = "file:x"', 3, 'store.mastre', /not known.*credentials, master/],
    ['store = 5', 1, 'store', /\[store\]/],
    ['[store]\nmaster = 5', 2, 'store.master', /text in quotes/],
    ['[store]\nmaster = ""', 2, 'store.master', /text in quotes/],
    ['[store]\nmaster = 1979-05-27', 2, 'store.master', /is a date/],
    ['[store]\nmaster = "./data"', 2, 'store.master', /no store URL/],
    ['[store]\nmaster = "file:"', 2, 'store.master', /no directory/],
    ['[store]\nmaster = "file://host/x"', 2, 'store.master', /no local directory/],
    ['[store]\nmaster = "s3://key:secret@bucket"', 2, 'store.master', /holds credentials/],
    ['[store]\nmaster = "s3://bucket/prefix"', 2, 'store.master', /not a bucket alone/],
    ['[store]\nmaster = "s3://Bucket"', 2, 'store.master', /cannot be/],
    ['[store]\nmaster = "s3://bucket?regoin=x"', 2, 'store.master', /regoin, unknown/],
    ['[store]\nmaster = "s3://bucket?region=eu-west1"', 2, 'store.master', /eu-west1.*AWS/],
    ['[store]\nmaster = "s3://bucket?region=eu-wset-1"', 2, 'store.master', /eu-wset-1.*AWS/],
    ['[store]\nmaster = "s3://bucket?endpoint=minio:9000"', 2, 'store.master', /endpoint/],
    ['[store]\nmaster = "s3://bucket?endpoint=http://u:p@x"', 2, 'store.master', /endpoint/],
    ['[store]\nmaster = "s3://bbb"\ncredentials = "AKIA"', 3, 'store.credentials', /"default"/],
    ['[store]\ncredentials = "profile:x"', 2, 'store.credentials', /directory/],
    [
      '[store]\nmaster = "s3://bbb"\ncredentials = "secret:arn:aws:x"',
      3,
      'store.credentials',
      /"env:PREFIX"/,
    ],
    ['[mirrors]\n[mirrors.Paris]\nstore = "file:p"', 2, 'mirrors.Paris', /lower case/],
    ['[mirrors.paris]\n', 1, 'mirrors.paris.store', /missing/],
    ['[mirrors.paris]\nstore = "file:data"', 2, 'mirrors.paris.store', /master already/],
    ['[mirrors.p]\nstore = "file:./x/../data/"', 2, 'mirrors.p.store', /master already/],
    [
      '[mirrors.a]\nstore = "s3://one?region=eu-west-1"\n[mirrors.b]\nstore = "s3://one"',
      4,
      'mirrors.b.store',
      /mirror a already/,
    ],
    ['[mirrors.a]\nstore = "s3://one"\ncopy = "rsync"', 3, 'mirrors.a.copy', /"fan-out"/],
    ['[mirrors.a]\nstore = "s3://one"\ncopy = "replication"', 3, 'mirrors.a.copy', /directory/],
    ['[mirrors.a]\nstore = "s3://one"\nnewest = 0', 3, 'mirrors.a.newest', /from 1/],
    ['[mirrors.a]\nstore = "s3://one"\nnewest = 1.5', 3, 'mirrors.a.newest', /whole number/],
    ['[mirrors.a]\nstore = "s3://one"\ninclude = "x"', 3, 'mirrors.a.include', /list of texts/],
    ['[mirrors.a]\nstore = "s3://one"\ninclude = ["a b"]', 3, 'mirrors.a.include', /"a b"/],
    ['mirrors.a = "s3://one"', 1, 'mirrors.a', /\[mirrors.a\]/],
    ['mirrors = { a = { store = "s3://one", cpy = 1 } }', 1, 'mirrors.a.cpy', /not known/],
    ['[publish]\nclients = []', 2, 'publish.clients', /"lxd", "incus"/],
    ['[publish]\nclients = ["lxc"]', 2, 'publish.clients', /"lxd", "incus"/],
    ['[publish]\nclients = ["lxd", "lxd"]', 2, 'publish.clients', /twice/],
    ['[publish]\naliases = "{os}"', 2, 'publish.aliases', /no list/],
    ['[publish]\naliases = ["{name}"]', 2, 'publish.aliases', /braces/],
    ['[publish]\naliases = ["a,b"]', 2, 'publish.aliases', /a,b/],
    ['[publish]\naliases = [{ template = "x", arch = "y" }]', 2, 'publish.aliases', /no template/],
    ['[delivery]\n\ndomains = ["images.example.org"]', 3, 'delivery.domains', /certificate/],
    ['[delivery]\ndomains = ["https://x.org"]', 2, 'delivery.domains', /no domain name/],
    ['[delivery]\ncertificate = "x"', 2, 'delivery.certificate', /us-east-1/],
    [
      '[delivery]\ncertificate = "arn:aws:acm:eu-west-1:123456789012:certificate/a"',
      2,
      'delivery.certificate',
      /us-east-1/,
    ],
    [
      '[delivery]\ncertificate = "arn:aws:acm:us-east-1:123456789012:certificate/a"',
      2,
      'delivery.certificate',
      /no domain/,
    ],
    ['[delivery]\nfailover = "paris"', 2, 'delivery.failover', /no mirror "paris"/],
    ['[delivery]\nstreams_max_age = -1', 2, 'delivery.streams_max_age', /from 0/],
    ['[delivery]\nstreams_max_age = "60"', 2, 'delivery.streams_max_age', /"60"/],
    ['[delivery]\nimages_max_age = nan', 2, 'delivery.images_max_age', /number/],
    ['[delivery]\nwrite_once = "yes"', 2, 'delivery.write_once', /true or false/],
    ['[retention]\nkeep = 0', 2, 'retention.keep', /from 1/],
    ['[log]\nlevel = "verbose"', 2, 'log.level', /"debug", "info", "warn", "error"/],
    ['[serve]\nport = 65536', 2, 'serve.port', /65535/],
    ['[serve]\ntls_key = "x"', 2, 'serve.tls_key', /alone/],
    ['[serve]\nscan_every = 0', 2, 'serve.scan_every', /from 1/],
    ['[serve]\nenumerate_every = 0', 2, 'serve.enumerate_every', /from 1/],
    ['[serve]\nscan_every = 9\nenumerate_every = 9', 3, 'serve.enumerate_every', /old name/],
    ['[serve]\nhttp = true\ntls_cert = "x"\ntls_key = "y"', 3, 'serve.tls_cert', /http = true/],
    ['[deployment]\nname = "Images"', 2, 'deployment.name', /lower case/],
    ['[store]\ntoString = 1', 2, 'store.toString', /not known/],
  ];
  for (const [toml, line, key, said] of wrong) {
    it(`rejects ${JSON.stringify(toml)}`, () => {
      assert.throws(
        () => parseConfig(toml, FILE),
        (error) => {
          assert.ok(error instanceof ConfigError, String(error));
          assert.deepEqual([error.file, error.line, error.key], [FILE, line, key], error.message);
          assert.ok(error.message.startsWith(`${FILE}:${line}: ${key}: `), error.message);
          assert.match(error.message, said);
          assert.match(error.message, /; \S/);
          assert.doesNotMatch(error.message, /\n|:secret@|AKIA/);
          return true;
        },
      );
    });
  }

  it('reports the position of a syntax error', () => {
    const forms: [toml: string, line: number][] = [
      ['[store]\nmaster = file:x', 2],
      ['[store]\nmaster = "a"\nmaster = "b"', 3],
      ['[mirrors.a]\nstore = "s3://one"\n[mirrors.a]\nstore = "s3://two"', 3],
      ['[store', 1],
      ['a = 1\n__proto__ = 2', 2],
      ['[constructor]\nx = 1', 1],
    ];
    for (const [toml, line] of forms) {
      assert.throws(
        () => parseConfig(toml, FILE),
        (error) => {
          assert.ok(error instanceof ConfigError, String(error));
          assert.equal(error.line, line, toml);
          assert.doesNotMatch(error.message, /\n/);
          return true;
        },
      );
    }
  });
});

describe('the configuration file', () => {
  it('is that of the working directory, or the named one, or none', async () => {
    const cwd = await mkdtemp(path.join(tmpdir(), 'config-'));
    try {
      assert.deepEqual(await loadConfig({ cwd }), defaultConfig(cwd));
      await assert.rejects(loadConfig({ cwd, path: 'other.toml' }), (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, /other\.toml: there is no such file; .*--config/);
        return true;
      });
      await writeFile(path.join(cwd, 'bucketstreams.toml'), '[serve]\nport = 1\n');
      await writeFile(path.join(cwd, 'other.toml'), '\ufeff[serve]\nport = 2\n');
      const found = await loadConfig({ cwd });
      assert.deepEqual([found.serve.port, found.file], [1, path.join(cwd, 'bucketstreams.toml')]);
      assert.equal((await loadConfig({ cwd, path: 'other.toml' })).serve.port, 2);
      await writeFile(path.join(cwd, 'other.toml'), Buffer.from([0x61, 0xff]));
      await assert.rejects(loadConfig({ cwd, path: 'other.toml' }), /not UTF-8/);
      await assert.rejects(loadConfig({ cwd, path: '.' }), ConfigError);
    } finally {
      await rm(cwd, { recursive: true });
    }
  });
});
