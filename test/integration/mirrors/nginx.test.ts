import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { buildBusyboxImage } from '../../support/images/busybox-image.ts';
import { cliOutput } from '../../support/cli.ts';
import { ask } from '../../support/servers/https-request.ts';
import { CHECKOUT } from '../../support/readme.ts';
import { makeBucket } from '../../support/services/bucket.ts';
import { startMinio } from '../../support/services/minio.ts';
import { freePort, startService } from '../../support/services/service.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const TREE = '/var/www/simplestreams';
const PRODUCT = 'busybox/1.36/amd64/default';
const VERSION = `images/${PRODUCT}/20240101`;

/**
 * The nginx configuration of docs/migration.md and the configuration of its mirror at home, for
 * another tree.
 */
async function documented(tree: string, master: string) {
  const text = await readFile(join(CHECKOUT, 'docs/migration.md'), 'utf8');
  const lines = text.split('\n').map((line) => line.trim());
  const locations = lines.filter((line) => line.startsWith('location '));
  const configuration = /^ +\[store\]\n +master = "(s3:[^"]+)"\n\n +\[mirrors\.home\]\n.+$/m.exec(
    text,
  );
  const sync = /`(mirror sync home --adopt)`/.exec(text)?.[1];
  assert.ok(locations.length > 0 && configuration && sync, 'the document has them');
  const here = (line: string) => line.replaceAll(TREE, tree);
  return {
    locations: locations.map(here),
    configuration: here(configuration[0]).replace(configuration[1]!, master),
    sync: sync.split(' '),
  };
}

describe('a mirror at home behind nginx, as in docs/migration.md', () => {
  it('shows its images and nothing else', { timeout: 120_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const cwd = stack.use(await temporaryFolder()).path;
    const tree = join(cwd, 'tree');
    await mkdir(tree);
    const minio = await startMinio();
    stack.defer(() => minio.stop());
    await makeBucket(minio, 'images');
    const { locations, configuration, sync } = await documented(
      tree,
      `s3://images?endpoint=${minio.endpoint}`,
    );
    const env = { AWS_ACCESS_KEY_ID: minio.accessKey, AWS_SECRET_ACCESS_KEY: minio.secretKey };
    await writeFile(join(cwd, 'bucketstreams.toml'), configuration);
    const { directory } = await buildBusyboxImage(join(cwd, 'image'), 'behind nginx');
    const files = ['lxd.tar.xz', 'rootfs.squashfs'];
    await cliOutput(
      [
        ...['publish', '-p', PRODUCT, '--version', '20240101'],
        ...files.map((name) => join(directory, name)),
      ],
      { cwd, env },
    );
    await cliOutput(['update'], { cwd, env });
    await cliOutput(sync, { cwd, env });
    const secrets = ['.bucketstreams/tls/ca.key', `${VERSION}/.part`, `${VERSION}/removed.json`];
    await mkdir(join(tree, '.bucketstreams/tls'), { recursive: true });
    for (const name of secrets) await writeFile(join(tree, name), 'secret');

    const port = await freePort();
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${cwd}/nginx-${name};`)
      .join('\n');
    await writeFile(
      join(cwd, 'nginx.conf'),
      `daemon off; pid ${cwd}/nginx.pid; error_log stderr; worker_processes 1; events {}
http { access_log off; ${temporary}
server { listen 127.0.0.1:${port};
${locations.join('\n')}
} }
`,
    );
    const url = `http://127.0.0.1:${port}/`;
    const nginx = await startService({
      command: 'nginx',
      args: ['-p', cwd, '-e', 'stderr', '-c', join(cwd, 'nginx.conf')],
      healthUrl: `${url}streams/v1/index.json`,
    });
    stack.defer(() => nginx.stop());

    const types = new Map([
      ['streams/v1/index.json', 'application/json'],
      ['streams/v1/images.json', 'application/json'],
      ...files.map((name) => [`${VERSION}/${name}`, 'application/octet-stream'] as const),
    ]);
    for (const [path, type] of types) {
      const answer = await ask(url + path);
      assert.deepEqual([answer.status, answer.headers['content-type']], [200, type], path);
      assert.deepEqual(answer.body, await readFile(join(tree, path)), path);
    }
    await readFile(join(tree, 'catalog/mirror.json'));
    for (const path of ['catalog/mirror.json', 'catalog/', '', 'nothing', ...secrets]) {
      assert.equal((await ask(url + path)).status, 404, path);
    }
    for (const folder of ['streams/', 'streams/v1/', 'images/', `${VERSION}/`]) {
      const { status, body } = await ask(url + folder);
      assert.ok(status === 403 || status === 404, `${folder}: ${status}`);
      assert.doesNotMatch(body.toString(), /busybox|images\.json|rootfs/, folder);
    }
    assert.match(await cliOutput(['verify', url]), /all is right/);
    assert.match(await cliOutput(['verify', '--mirror', 'home'], { cwd, env }), /all is right/);
  });
});
