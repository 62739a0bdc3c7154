import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import { openS3Store } from '../../../src/storage/s3/store.ts';
import { buildBusyboxImage } from '../../support/images/busybox-image.ts';
import { cliOutput, runCli } from '../../support/cli.ts';
import { namedItems, observe, storedMirror } from '../../support/stores/mirror-fixture.ts';
import { projection } from '../../support/stores/pipeline-fixture.ts';
import { makeBucket, putObject, storeOptions } from '../../support/services/bucket.ts';
import { startMinio } from '../../support/services/minio.ts';
import { startVersitygw } from '../../support/services/versitygw.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const PRODUCT = 'busybox/1.36/amd64/default';
const [OLD, NEW] = ['20240101', '20240102'];
const KEYS = ['streams/v1/images.json', 'streams/v1/index.json'];

describe('a master in one S3 service', () => {
  it('has mirrors in a directory and at another provider', { timeout: 240_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const cwd = stack.use(await temporaryFolder()).path;
    const minio = await startMinio();
    stack.defer(() => minio.stop());
    const versitygw = await startVersitygw();
    stack.defer(() => versitygw.stop());
    await makeBucket(minio, 'images');
    await makeBucket(versitygw, 'copies');
    const master = openS3Store(storeOptions(minio, 'images'));
    stack.defer(() => master.close());
    const other = openS3Store(storeOptions(versitygw, 'copies'));
    stack.defer(() => other.close());
    await writeFile(
      join(cwd, 'bucketstreams.toml'),
      `[store]
master = "s3://images?endpoint=${minio.endpoint}"
[mirrors.home]
store = "file:./home"
[mirrors.other]
store = "s3://copies?endpoint=${versitygw.endpoint}"
credentials = "env:OTHER"
`,
    );
    const env = {
      AWS_ACCESS_KEY_ID: minio.accessKey,
      AWS_SECRET_ACCESS_KEY: minio.secretKey,
      OTHER_ACCESS_KEY_ID: versitygw.accessKey,
      OTHER_SECRET_ACCESS_KEY: versitygw.secretKey,
    };
    const say = (...args: string[]) => cliOutput(args, { cwd, env });
    const publish = async (version: string) => {
      const { directory } = await buildBusyboxImage(join(cwd, version), version);
      const files = ['lxd.tar.xz', 'rootfs.squashfs'].map((name) => join(directory, name));
      await say('publish', '-p', PRODUCT, '--version', version, ...files);
    };
    const sync = async () =>
      (JSON.parse(await say('mirror', 'sync', '--removal-grace', '0', '--json')) as Result[]).map(
        ({ name, copied, error }) => [name, copied, error],
      );

    await publish(OLD);
    await publish(NEW);
    await say('update');
    assert.deepEqual(await sync(), [
      ['home', 4, null],
      ['other', 4, null],
    ]);
    const home = await openDirectoryStore({ path: join(cwd, 'home'), settleMs: 0 });
    stack.defer(() => home.close());
    const mirrors = { home, other };
    const expectEqual = async (names: number) => {
      for (const [name, mirror] of Object.entries(mirrors)) {
        for (const key of KEYS) {
          assert.equal(await projection(mirror, key), await projection(master, key), name);
        }
        assert.equal(await observe(mirror), names, 'every name has its bytes');
        assert.match(await say('verify', '--mirror', name), /all is right/);
      }
    };
    const listed = (await namedItems(master)).length;
    await expectEqual(listed);
    assert.ok(listed > 0);

    await say('remove', `${PRODUCT}/${OLD}`, '--yes');
    await say('update');
    await sync();
    await expectEqual(listed / 2);
    for (const [name, mirror] of Object.entries(mirrors)) {
      const keys = await Array.fromAsync(mirror.list('images/'), ({ key }) => key);
      assert.deepEqual(
        keys,
        ['lxd.tar.xz', 'rootfs.squashfs'].map((file) => `images/${PRODUCT}/${NEW}/${file}`),
        `${name} keeps nothing of what was removed`,
      );
      assert.deepEqual((await storedMirror(mirror)).pendingDeletion, {}, name);
    }

    // A verification that reads every byte finds what one provider damaged, and reports only that
    // provider.
    await putObject(versitygw, 'copies', `images/${PRODUCT}/${NEW}/rootfs.squashfs`, 'spoiled');
    assert.equal((await runCli(['verify', '--mirror', 'other'], { cwd, env })).code, 1);
    assert.match(await say('verify', '--mirror', 'home'), /all is right/);
    await sync();
    await expectEqual(listed / 2);
  });
});

interface Result {
  readonly name: string;
  readonly copied: number;
  readonly error: string | null;
}
