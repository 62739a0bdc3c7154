import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openDirectoryStore } from '../../../../src/storage/directory/store.ts';
import { run } from '../../../support/command.ts';
import { collect } from '../../../support/stores/objects.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const PROGRAM = `
import { openDirectoryStore } from ${JSON.stringify(join(import.meta.dirname, '../../../../src/storage/directory/store.ts'))};
const store = await openDirectoryStore({ path: process.argv[1] });
const full = await store.upload('large', [Buffer.alloc(1 << 20), Buffer.alloc(4 << 20)].values()).catch((error) => error.code);
console.log(full);
await store.write('small', Buffer.from('x'));
await store.close();
`;

describe('directory store without space', () => {
  it('keeps what is stored, leaves nothing of what does not fit, and works on', async () => {
    await using folder = await temporaryFolder();
    // The test limits the size of files, because a file system of a known size needs the right to
    // mount it.
    const script = 'ulimit -f 2048; trap "" XFSZ; exec "$@"';
    const node = [process.execPath, '--input-type=module', '-e', PROGRAM, folder.path];
    assert.equal(await run('/bin/sh', ['-c', script, 'sh', ...node]), 'no_space\n');
    const store = await openDirectoryStore(folder);
    const listed = await collect(store.list(''));
    assert.deepEqual(
      listed.map(({ key }) => key),
      ['small'],
    );
    await store.close();
  });
});
