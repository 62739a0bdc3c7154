import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { run } from '../../support/command.ts';
import { publishFromFixture, splitImage } from '../../support/publish-from-fixture.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('publish --from into a store that becomes full', () => {
  it('leaves nothing in the store or on the source', async () => {
    await using folder = await temporaryFolder();
    const { path: data } = folder;
    await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', data]);
    try {
      const instances = { box: { files: splitImage(8_000_000) } };
      await using fixture = await publishFromFixture({ instances, data });
      const { code, stderr } = await fixture.publish('--from', 'lxd:box').ended;
      assert.equal(code, 1, stderr);
      assert.match(stderr, /rootfs\.squashfs.*the disk is full/);
      assert.deepEqual(fixture.server.fingerprints(), []);
      assert.deepEqual(await fixture.uploaded(), []);
    } finally {
      await run('umount', [data]);
    }
  });
});
