import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import { run } from '../../support/command.ts';
import { chunked, collect, pattern } from '../../support/stores/objects.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const MIB = 1024 * 1024;

describe('directory store on a full disk', () => {
  it('reports a file system that is full', async () => {
    await using folder = await temporaryFolder();
    await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder.path]);
    try {
      const store = await openDirectoryStore(folder);
      await store.write('before', Buffer.from('x'));
      await assert.rejects(store.upload('large', chunked(pattern(8 * MIB))), { code: 'no_space' });
      await writeFile(join(folder.path, 'filler'), pattern(3 * MIB));
      await assert.rejects(store.write('more', pattern(2 * MIB)), { code: 'no_space' });
      const listed = await collect(store.list(''));
      assert.deepEqual(
        listed.map(({ key }) => key),
        ['before', 'filler'],
      );
      await store.write('small', Buffer.from('y'));
      await store.close();
    } finally {
      await run('umount', [folder.path]);
    }
  });
});
