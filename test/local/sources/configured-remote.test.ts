import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { clientCommand, instanceSource } from '../../../src/sources/instances/configured-remote.ts';
import { fakeInstanceServer } from '../../support/servers/fake-instance-server.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('the configuration of lxc and incus', () => {
  it('includes the project of the local server as `project switch` writes it', async () => {
    await using folder = await temporaryFolder();
    await using server = await fakeInstanceServer();
    const { socketPath } = server;
    const env = { INCUS_SOCKET: socketPath, INCUS_CONF: folder.path };
    const plain = { kind: 'incus', address: { socketPath } };
    assert.deepEqual(await instanceSource('incus', undefined, env), plain);
    const config = 'remotes:\n  local:\n    addr: unix://\n    project: web\n';
    await writeFile(join(folder.path, 'config.yml'), config);
    for (const remote of [undefined, 'local']) {
      const source = await instanceSource('incus', remote, env);
      assert.deepEqual(source, { ...plain, project: 'web' });
      assert.equal(clientCommand(source, 'stop', 'box'), '`incus stop box --project web`');
    }
  });
});
