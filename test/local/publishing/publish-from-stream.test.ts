import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { run } from '../../../src/cli/run.ts';
import { eventually } from '../../support/eventually.ts';
import { publishFromFixture, splitImage } from '../../support/publish-from-fixture.ts';

const FILES = splitImage(8_000_000);

describe('publish --from, as a stream', () => {
  it('keeps no copy of the image on this machine', async () => {
    const sending = Promise.withResolvers<undefined>();
    const instances = { box: { files: FILES } };
    await using fixture = await publishFromFixture({ instances, sending: sending.promise });
    const { server, scratch, uploaded } = fixture;
    const running = fixture.publish('--from', 'lxd:box', '--product', 'a/b/amd64/c');
    await server.halfSent;
    // The received bytes are in the store and nowhere else.
    await eventually(async () => {
      const sizes = (await uploaded()).map(async (path) => (await stat(path)).size);
      return (await Promise.all(sizes)).some((size) => size > 3_000_000);
    });
    assert.deepEqual(await readdir(scratch), []);
    sending.resolve(undefined);
    const { code, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(await readdir(scratch), []);
  });

  it('shows its progress on a terminal, and writes nothing into a pipe', async () => {
    await using fixture = await publishFromFixture({ images: [{ files: FILES, alias: 'it' }] });
    const { server, data } = fixture;
    const publish = async (interactive: boolean, version: string) => {
      const [answer, drawn]: [string[], string[]] = [[], []];
      const code = await run(
        ['publish', '--from', 'lxd:it', '--version', version, '--store', `file:${data}`],
        {
          out: (text) => void answer.push(text),
          err: (text) => void drawn.push(text),
          interactive,
          columns: 80,
          env: { LXD_SOCKET: server.socketPath },
        },
      );
      assert.equal(code, 0, drawn.join(''));
      assert.match(answer.join(''), new RegExp(`/${version}\n  rootfs.squashfs: fingerprint`));
      return drawn;
    };
    const drawn = await publish(true, '20250101');
    assert.match(drawn[0] ?? '', /Stored: \d\.\d MB of 8\.0 MB \(\d+ %\)/);
    assert.equal(drawn.at(-1), '\r\u001b[K');
    assert.deepEqual(await publish(false, '20250102'), []);
  });
});
