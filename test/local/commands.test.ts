import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';

import { COMMANDS } from '../../src/cli/command-list.ts';
import { run } from '../../src/cli/run.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { cliOutput, runCli, startServe } from '../support/cli.ts';
import { placeImage, randomImage } from '../support/images/image-files.ts';
import { asNobody } from '../support/users.ts';

const PRODUCT = 'busybox/1.36/amd64/default';
const README = join(import.meta.dirname, '../../README.md');

describe('usage', () => {
  let folder: string;
  before(async () => (folder = await mkdtemp(join(tmpdir(), 'usage-'))));
  after(() => rm(folder, { recursive: true }));

  const bad: readonly [args: string, message: RegExp][] = [
    ['', /^Usage: bucketstreams COMMAND/],
    ['sevre', /unknown command 'sevre' \(Did you mean serve\?\)/],
    ['lsit', /unknown command 'lsit' \(Did you mean list\?\)/],
    ['gateway trust lsit', /unknown command 'lsit' \(Did you mean list\?\)/],
    ['gateway trsut list', /unknown command gateway "trsut"; write .*`gateway trust list`/],
    ['gateway token', /missing required argument 'NAME'\n.*bucketstreams gateway token --help/],
    ['gateway trust', /^Usage: bucketstreams gateway trust/],
    ['mirror', /^Usage: bucketstreams mirror/],
    ['mirror sink', /unknown command 'sink' \(Did you mean sync\?\)/],
    ['--frobnicate', /unknown option '--frobnicate'/],
    [
      'list --stoer x',
      /unknown option '--stoer' \(Did you mean --store\?\).*bucketstreams list --help/s,
    ],
    ['list --json=yes', /--json takes no value/],
    ['list a/b/c/d/e', /"a\/b\/c\/d\/e" is no pattern of products/],
    ['list --store /data', /--store "\/data" is no store URL; write file:DIRECTORY/],
    ['list --store s3://me:hunter2@bucket', /--store "s3:\/\/…@bucket" holds credentials/],
    ['list --log-level loud', /--log-level is "loud"; one of debug, info, warn, error/],
    ['list --config none.toml', /none\.toml: there is no such file/],
    ['serve now', /too many arguments for 'serve'\. Expected 0 arguments but got 1: now/],
    ['serve --port http', /--port is "http"; a whole number from 0 to 65535/],
    ['serve --settle 1m', /--settle is "1m"; a number of seconds/],
    ['serve --scan-every 0', /--scan-every must be 1 or more/],
    ['serve --enumerate-every 0', /--enumerate-every must be 1 or more/],
    ['serve --http --tls-cert a --tls-key b', /--http and --tls-cert exclude each other/],
    ['serve --tls-key b', /--tls-cert and --tls-key belong together/],
    ['watch --events-listen :1', /BUCKETSTREAMS_EVENTS_TOKEN/],
    ['remove', /missing required argument 'PRODUCT\/VERSION'/],
    ['remove busybox', /"busybox" is no version; write os\/release\/arch\/variant\/version/],
    [`remove ${PRODUCT}/latest`, /does not start with a date/],
    ['prune --keep 0', /--keep is "0"; a whole number from 1/],
    ['verify ftp://x', /"ftp:\/\/x" is no https URL/],
    ['verify https://x --ca none.pem', /--ca none\.pem cannot be read/],
    [`verify https://x --ca ${README}`, /--ca \S+README\.md holds no certificate; a PEM file/],
    [`pull https://x --product a --ca ${README}`, /README\.md holds no certificate/],
    [`publish -p ${PRODUCT} --version 20261301 x`, /--version: the version "20261301"/],
    [`publish -p ${PRODUCT} --version 20261301 --from lxd:x`, /--version: the version "20261301"/],
    ['publish -p a/b/zz80/c --version 20250101 x', /knows the architecture "zz80".*amd64/],
    ['publish -p a/b/zz80/c --from lxd:x', /knows the architecture "zz80"/],
    ['init --create-bucket', /--create-bucket is for a bucket/],
    ['init --store s3://images --minio-events x', /--minio-events is "x"; an ARN/],
  ];
  for (const [args, message] of bad) {
    it(`rejects: ${args || '(nothing)'}`, async () => {
      const { code, stdout, stderr } = await runCli(args.split(' ').filter(Boolean), {
        cwd: folder,
      });
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /);
      assert.deepEqual(await readdir(folder), []);
    });
  }

  it('rejects prune without a number of versions to keep', async () => {
    const store = `file:${folder}/data`;
    const { code, stderr } = await runCli(['prune', '--store', store], { cwd: folder });
    await rm(join(folder, 'data'), { recursive: true, force: true });
    assert.equal(code, 2);
    assert.match(stderr, /--keep N or --older-than DAYS/);
  });

  it('shows the position of a mistake in the configuration', async () => {
    const file = join(folder, 'bad.toml');
    await writeFile(file, '[store]\nmaster = "file:./data"\ncolour = 1\n');
    const { code, stderr } = await runCli(['list', '--config', file]);
    await rm(file);
    assert.equal(code, 2);
    assert.match(stderr, /bad\.toml:3: .*colour/);
  });

  it('reports credentials that are not set', async () => {
    const file = join(folder, 'unset.toml');
    await writeFile(file, '[store]\nmaster = "s3://images"\ncredentials = "env:UNSET"\n');
    const { code, stderr } = await runCli(['list', '--config', file]);
    await rm(file);
    assert.equal(code, 2);
    assert.match(stderr, /UNSET_ACCESS_KEY_ID and UNSET_SECRET_ACCESS_KEY.*set both/);
  });

  it('has help for the program and every command', async () => {
    const program = await cliOutput(['--help']);
    for (const { name, summary } of COMMANDS) {
      assert.ok(program.includes(`${name} `) && program.includes(summary), name);
      const help = await cliOutput([name, '--help']);
      assert.match(help, new RegExp(`^Usage: bucketstreams ${name}`));
      assert.match(help, /For example:\n {2}\S*.*bucketstreams /);
    }
    for (const path of ['gateway token', 'gateway trust list', 'mirror sync']) {
      const help = await cliOutput([...path.split(' '), '--help']);
      assert.match(help, new RegExp(`^Usage: bucketstreams ${path} `));
      assert.match(help, /For example:\n {2}bucketstreams /);
    }
    assert.match(await cliOutput(['help', 'list']), /^Usage: bucketstreams list/);
    assert.match(await cliOutput(['--version']), /^bucketstreams \d+\.\d+\.\d+\n$/);
  });
});

describe('commands on a directory', () => {
  let folder: string;
  let store: string[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'commands-'));
    store = ['--store', `file:${folder}/data`];
  });
  afterEach(() => rm(folder, { recursive: true }));

  const fill = async (...versions: string[]) => {
    for (const version of versions) {
      await mkdir(join(folder, 'data'), { recursive: true });
      await placeImage(join(folder, 'data'), `${PRODUCT}/${version}`, randomImage());
    }
    await cliOutput(['update', ...store]);
  };
  const versions = async () => {
    const text = await cliOutput(['list', '--json', ...store]);
    return (JSON.parse(text) as { version: string }[]).map(({ version }) => version);
  };
  const count = async (pattern: RegExp) =>
    assert.match(await cliOutput(['status', ...store]), pattern);

  it('init makes all that is needed, once, and never overwrites', async () => {
    const first = await cliOutput(['init', ...store], { cwd: folder });
    assert.match(first, /public generation \d+/);
    const config = join(folder, 'bucketstreams.toml');
    const { store: master } = await loadConfig({ cwd: folder });
    assert.deepEqual(master.location, { kind: 'directory', path: join(folder, 'data') });
    assert.equal((await stat(join(folder, 'data/.bucketstreams'))).mode & 0o777, 0o700);
    const authority = await readFile(join(folder, 'data/.bucketstreams/tls/ca.crt'), 'utf8');
    const own = '# mine\n[store]\nmaster = "file:./data"\n';
    await writeFile(config, own);
    assert.match(await cliOutput(['init'], { cwd: folder }), /is there already/);
    assert.equal(await readFile(config, 'utf8'), own);
    assert.equal(await readFile(join(folder, 'data/.bucketstreams/tls/ca.crt'), 'utf8'), authority);
  });

  it('init takes over the tree of another server in place', async () => {
    const image = randomImage();
    await placeImage(join(folder, 'data'), `${PRODUCT}/20180716_12:00`, image);
    await mkdir(join(folder, 'data/streams/v1'), { recursive: true });
    await writeFile(join(folder, 'data/streams/v1/index.json'), '{"index": {}}');
    await count(/another program/);
    await cliOutput(['init', ...store], { cwd: folder });
    assert.deepEqual(await versions(), ['20180716_12:00']);
  });

  it('uses the store of the option, then of the environment, then of the configuration', async () => {
    await writeFile(join(folder, 'bucketstreams.toml'), '[store]\nmaster = "file:./configured"\n');
    const at = async (args: string[], env = {}) => {
      const { stderr } = await runCli(['list', ...args], { cwd: folder, env });
      return /file:[^ :]*\/(\w+):? /.exec(stderr)?.[1];
    };
    const env = { BUCKETSTREAMS_STORE: 'file:./environment' };
    assert.equal(await at(['--store', 'file:./option'], env), 'option');
    assert.equal(await at([], env), 'environment');
    assert.equal(await at([]), 'configured');
  });

  it('remove asks, withdraws only the named versions, and reports what does not exist', async () => {
    await fill('20250101', '20250102');
    const version = `${PRODUCT}/20250101`;
    const unasked = await runCli(['remove', version, ...store]);
    assert.equal(unasked.code, 2);
    assert.match(unasked.stderr, /--yes/);
    await cliOutput(['remove', version, '--dry-run', ...store]);
    assert.deepEqual(await versions(), ['20250101', '20250102']);
    const both = await runCli(['remove', version, `${PRODUCT}/20250109`, '--yes', ...store]);
    assert.equal(both.code, 1);
    assert.match(both.stderr, /20250109 has no files.*nothing was removed/);
    assert.deepEqual(await versions(), ['20250101', '20250102']);
    assert.match(await cliOutput(['remove', version, '--yes', ...store]), /20250101/);
    assert.deepEqual(await versions(), ['20250102']);
    const files = await readdir(join(folder, 'data/images', version));
    assert.deepEqual(files.sort(), ['lxd.tar.xz', 'removed.json', 'rootfs.squashfs']);
    await count(/1 removed/);
  });

  it('prune keeps the newest versions, and never removes the last one', async () => {
    await fill('20200101', '20200102', '20200103', '20200104');
    assert.match(await cliOutput(['prune', '--keep', '3', '--dry-run', ...store]), /20200101/);
    assert.equal((await versions()).length, 4);
    await cliOutput(['prune', '--keep', '1', '--product', 'debian', ...store]);
    assert.equal((await versions()).length, 4);
    await cliOutput(['prune', '--keep', '3', ...store]);
    assert.deepEqual(await versions(), ['20200102', '20200103', '20200104']);
    await cliOutput(['prune', '--older-than', '36500', ...store]);
    assert.equal((await versions()).length, 3);
    await cliOutput(['prune', '--older-than', '1', ...store]);
    assert.deepEqual(await versions(), ['20200104']);
    await cliOutput(['prune', '--older-than', '1', ...store]);
    assert.deepEqual(await versions(), ['20200104']);
  });

  it('update holds the removal of many versions until it is confirmed', async () => {
    const many = Array.from({ length: 12 }, (_, day) => `202501${10 + day}`);
    await fill(...many);
    await rm(join(folder, 'data/images'), { recursive: true });
    const held = await runCli(['update', ...store]);
    assert.equal(held.code, 1);
    assert.match(held.stderr, /12 published versions.*--accept-removals/s);
    assert.equal((await versions()).length, 12);
    await cliOutput(['update', '--accept-removals', ...store]);
    assert.deepEqual(await versions(), []);
  });

  it('verify finds a byte that changed, in the store and over HTTPS', async () => {
    await fill('20250101');
    assert.match(await cliOutput(['verify', ...store]), /2 files.*all is right/);
    const root = join(folder, 'data/images', PRODUCT, '20250101/rootfs.squashfs');
    await using server = {
      serve: await startServe(join(folder, 'data'), ['--no-watch']),
      [Symbol.asyncDispose]: async () => {
        await server.serve.stop();
      },
    };
    const ca = join(folder, 'data/.bucketstreams/tls/ca.crt');
    await cliOutput(['verify', server.serve.url, '--ca', ca]);
    const untrusted = await runCli(['verify', server.serve.url]);
    assert.equal(untrusted.code, 3);
    assert.match(untrusted.stderr, /--ca FILE/);
    assert.doesNotMatch(untrusted.stderr, /Node\.js|--use-system-ca/);

    const bytes = await readFile(root);
    bytes[100]! ^= 1;
    await writeFile(root, bytes);
    for (const args of [store, [server.serve.url, '--ca', ca]]) {
      const broken = await runCli(['verify', '--json', ...args]);
      assert.equal(broken.code, 1, broken.stderr);
      const { problems } = JSON.parse(broken.stdout) as { problems: { key: string }[] };
      assert.ok(problems.length > 0);
      assert.ok(problems.every(({ key }) => key.endsWith('20250101/rootfs.squashfs')));
    }
  });

  it('writes nothing in a command that only reads', async () => {
    for (const command of ['list', 'status', 'verify']) {
      const { code, stderr } = await runCli([command, ...store]);
      assert.equal(code, 3, stderr);
      assert.match(stderr, /does not exist\. .*`bucketstreams init` or `npm start`.*--store/);
    }
    assert.deepEqual(await readdir(folder), []);
  });

  it('names the owner of a directory that it may not write', async () => {
    await mkdir(join(folder, 'data'));
    await chmod(folder, 0o755);
    await chmod(join(folder, 'data'), 0o555);
    const written: string[] = [];
    const terminal = {
      out: (text: string) => void written.push(text),
      err: (text: string) => void written.push(text),
      interactive: false,
      columns: 80,
      env: {},
    };
    // The tests may be in a folder that user nobody cannot read. This run loads all modules before.
    await run(['update', '--help'], terminal);
    const config = join(folder, 'empty.toml');
    await writeFile(config, '', { mode: 0o644 });
    written.length = 0;
    const code = await asNobody(() => run(['update', ...store, '--config', config], terminal));
    assert.equal(code, 3, written.join(''));
    assert.match(written.join(''), /belongs to user id \d+.*chown/);
  });

  it('reports that the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const { code, stdout, stderr } = await runCli(['serve', '--port', String(port), ...store]);
    other.close();
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(`port ${port}.*in use.*--port`));
  });
});
