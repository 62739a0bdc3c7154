import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import type { RunningCli } from '../../support/cli.ts';
import { eventually } from '../../support/eventually.ts';
import { metadataTar } from '../../support/servers/gateway-fixture.ts';
import {
  publishFromFixture,
  splitImage,
  type PublishFromFixture,
} from '../../support/publish-from-fixture.ts';

const FILES = splitImage(2_000_000);
const SIGNALS = [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

const never = () => Promise.withResolvers<undefined>().promise;

/** Resolves when the claim and the unfinished file exist. */
const underWay = ({ uploaded }: PublishFromFixture) =>
  eventually(async () => {
    const files = (await uploaded()).join('\n');
    return /uploads\/claims\//.test(files) && /\.tmp-/.test(files);
  });

const said = ({ stderr }: RunningCli, what: RegExp) => eventually(() => what.test(stderr()));

describe('publish --from, stopped by a signal', () => {
  for (const [signal, code] of SIGNALS) {
    it(`leaves nothing in the store or on the source (${signal})`, async () => {
      const instances = { box: { files: FILES } };
      await using fixture = await publishFromFixture({ instances, sending: never() });
      const { server, publish, uploaded } = fixture;
      const running = publish('--from', 'lxd:box');
      await server.halfSent;
      await underWay(fixture);
      assert.equal(server.fingerprints().length, 1);
      running.child.kill(signal);
      const ended = await running.ended;
      assert.deepEqual([ended.code, ended.signal], [code, null], ended.stderr);
      assert.match(ended.stderr, new RegExp(`stopped by ${signal}; nothing of it is left`));
      assert.deepEqual(server.fingerprints(), []);
      assert.deepEqual(await uploaded(), []);
    });
  }

  it('waits until the source has made the image, and deletes it', async () => {
    for (const kind of ['lxd', 'incus'] as const) {
      const making = Promise.withResolvers<undefined>();
      const instances = { box: { files: FILES, snapshots: ['then'] } };
      const options = { kind, instances, making: making.promise };
      await using fixture = await publishFromFixture(options);
      const running = fixture.publish('--from', 'lxd:box/then');
      await fixture.server.asked;
      running.child.kill('SIGINT');
      await said(running, /SIGINT: stopping/);
      making.resolve(undefined);
      const { code, stderr } = await running.ended;
      assert.equal(code, 130);
      assert.match(stderr, /stopped by SIGINT; nothing of it is left/);
      assert.deepEqual(fixture.server.fingerprints(), []);
    }
  });

  it('treats two signals at once as one', async () => {
    const instances = { box: { files: FILES } };
    await using fixture = await publishFromFixture({ instances, sending: never() });
    const running = fixture.publish('--from', 'lxd:box');
    await underWay(fixture);
    running.child.kill('SIGINT');
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.ended;
    assert.ok(code === 130 || code === 143, stderr);
    assert.match(stderr, /nothing of it is left/);
    assert.deepEqual(fixture.server.fingerprints(), []);
    assert.deepEqual(await fixture.uploaded(), []);
  });

  it('leaves nothing when the readers of its output are stopped, too', async () => {
    const instances = { box: { files: FILES } };
    await using fixture = await publishFromFixture({ instances, sending: never() });
    const { child, ended } = fixture.publish('--from', 'lxd:box');
    await underWay(fixture);
    child.stdout?.destroy();
    child.stderr?.destroy();
    child.kill('SIGINT');
    assert.equal((await ended).code, 130);
    assert.deepEqual(fixture.server.fingerprints(), []);
    assert.deepEqual(await fixture.uploaded(), []);
  });

  it('ends at once at the second signal', async () => {
    const instances = { box: { files: FILES } };
    await using fixture = await publishFromFixture({ instances, making: never() });
    const running = fixture.publish('--from', 'lxd:box');
    await fixture.server.asked;
    running.child.kill('SIGINT');
    await said(running, /once more ends at once/);
    await eventually(() => {
      running.child.kill('SIGTERM');
      return running.child.exitCode !== null;
    });
    assert.equal((await running.ended).code, 143);
  });

  it('shows what it could not delete', async () => {
    const instances = { box: { files: FILES } };
    await using fixture = await publishFromFixture({ instances, sending: never() });
    const running = fixture.publish('--from', 'lxd:box');
    await underWay(fixture);
    const [fingerprint = ''] = fixture.server.fingerprints();
    fixture.server.refuse('the disk is broken');
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.ended;
    assert.equal(code, 143);
    const command = `lxc image delete ${fingerprint}`;
    assert.match(stderr, new RegExp(`SIGTERM; .*there still \\(.*broken\\).*\`${command}\``));
    assert.doesNotMatch(stderr, /nothing of it is left/);
    assert.deepEqual(await fixture.uploaded(), []);
  });
});

describe('publish of files, stopped by a signal', () => {
  it('leaves nothing in the store', async () => {
    await using fixture = await publishFromFixture({});
    const { scratch, publish, uploaded } = fixture;
    const [metadata, root] = [join(scratch, 'lxd.tar.xz'), join(scratch, 'root')];
    await writeFile(metadata, metadataTar());
    await writeFile(root, 'hsqs');
    // It has no blocks on the disk, and is too large to be copied before the signal.
    await truncate(root, 64 * 1024 ** 3);
    const running = publish('--product', 'a/b/amd64/default', metadata, root);
    await underWay(fixture);
    running.child.kill('SIGINT');
    const { code, stderr } = await running.ended;
    assert.equal(code, 130, stderr);
    assert.match(stderr, /stopped by SIGINT; nothing of it is left/);
    assert.deepEqual(await uploaded(), []);
  });

  it('keeps the stored image when it only waits for the publication', async () => {
    await using fixture = await publishFromFixture({ images: [{ files: FILES, alias: 'it' }] });
    const running = fixture.publish('--from', 'lxd:it', '--wait');
    const stored = await eventually(async () => {
      const files = await fixture.uploaded();
      const names = files.map((path) => path.split('/').at(-1)).join(' ');
      return names === 'lxd.tar.xz rootfs.squashfs' && files;
    });
    running.child.kill('SIGINT');
    const { code, stderr } = await running.ended;
    assert.equal(code, 130);
    assert.match(stderr, /stopped by SIGINT; .* is stored, and will be public/);
    assert.deepEqual(await fixture.uploaded(), stored);
  });
});
