import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildBundle, BUNDLES, type BundleName } from '../../../infra/bundle.ts';
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary.ts';

const MEBIBYTE = 1024 * 1024;
let folder: TemporaryFolder;
const inputs = new Map<BundleName, readonly string[]>();

before(async () => {
  folder = await temporaryFolder();
  for (const name of BUNDLES) {
    const { inputs: files } = buildBundle(name, join(folder.path, name));
    inputs.set(name, Object.keys(files));
  }
});
after(() => folder[Symbol.asyncDispose]());

/** Runs a module without packages and with only the given environment. */
function runAlone(module: string, environment: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--no-warnings', module], {
      cwd: folder.path,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(output) : reject(new Error(errors))));
  });
}

const ENVIRONMENT = {
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/111122223333/live-index',
};

describe('the bundles', () => {
  for (const name of BUNDLES) {
    it(`${name} is under 2 MB and holds two modules`, async () => {
      const files = await readdir(join(folder.path, name));
      assert.deepEqual(files.toSorted(), ['digest-worker.js', 'index.js', 'package.json']);
      const sizes = await Promise.all(
        files.map(async (file) => (await stat(join(folder.path, name, file))).size),
      );
      assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 2 * MEBIBYTE, String(sizes));
    });

    it(`${name} has no tool and nothing of the local mode`, () => {
      const foreign = inputs
        .get(name)!
        .filter((file) =>
          /aws-cdk|constructs|typescript|esbuild|chokidar|x509|fast-check|^src\/(local|cli)\//.test(
            file,
          ),
        );
      assert.deepEqual(foreign, []);
    });

    it(`${name} has a handler when it is imported from an empty folder`, async () => {
      const module = join(folder.path, `${name}.mjs`);
      await writeFile(
        module,
        `const { handler } = await import(${JSON.stringify(`./${name}/index.js`)});
         process.stdout.write(typeof handler);
         process.exit(0);`,
      );
      const output = await runAlone(module, {
        ...ENVIRONMENT,
        STORE_URL: 's3://images-master?region=eu-central-1',
        MIRROR_NAME: 'west',
        MIRROR_SETTINGS:
          '{"store":"s3://west?region=us-west-2","copy":"fan-out","include":[],"exclude":[]}',
      });
      assert.equal(output, 'function');
    });
  }

  it('index-images hashes, with its worker in its folder', async () => {
    const root = Buffer.alloc(9 * MEBIBYTE, 'root');
    const metadata = Buffer.from('metadata');
    const version = 'images/a/1/amd64/default/20260101/';
    const module = join(folder.path, 'hash.mjs');
    // The bundle also contains the directory store, because the store's URL selects the store. So
    // the test needs no server.
    await writeFile(
      module,
      `import { mkdir, readFile, writeFile } from 'node:fs/promises';
       await mkdir('store/${version}', { recursive: true });
       await writeFile('store/${version}lxd.tar.xz', 'metadata');
       await writeFile('store/${version}rootfs.squashfs', Buffer.alloc(${root.length}, 'root'));
       const { handler } = await import('./index-images/index.js');
       const body = JSON.stringify({ bucketstreams: { versions: ['${version}'] } });
       const event = { Records: [{ messageId: '1', receiptHandle: 'r', body, attributes: {} }] };
       const invocation = { awsRequestId: 'q', getRemainingTimeInMillis: () => 900_000 };
       let answer;
       // Files that were just written must settle first, so the message may be retried.
       do answer = await handler(event, invocation);
       while (answer.batchItemFailures.length > 0);
       const images = await readFile('store/streams/v1/images.json', 'utf8');
       process.stdout.write('\\nRESULT ' + JSON.stringify({ answer, images: JSON.parse(images) }));
       process.exit(0);`,
    );
    const output = await runAlone(module, {
      ...ENVIRONMENT,
      STORE_URL: `file:${join(folder.path, 'store')}`,
      // No program listens there.
      AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:9',
    });
    const { answer, images } = JSON.parse(output.split('RESULT ')[1] ?? '') as {
      readonly answer: unknown;
      readonly images: unknown;
    };
    assert.deepEqual(answer, { batchItemFailures: [] }, output);
    const text = JSON.stringify(images);
    const hex = (...parts: readonly Buffer[]) =>
      createHash('sha256').update(Buffer.concat(parts)).digest('hex');
    assert.ok(text.includes(hex(root)), output);
    assert.ok(text.includes(hex(metadata, root)), output);
  });
});
