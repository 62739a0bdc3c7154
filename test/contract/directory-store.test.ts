import { chmod, glob, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDirectoryStore } from '../../src/storage/directory/store.ts';
import { collect } from '../support/stores/objects.ts';
import { asNobody } from '../support/users.ts';
import { objectStoreContract } from './object-store.ts';

objectStoreContract('directory', async () => {
  const path = await mkdtemp(join(tmpdir(), 'bucketstreams-contract-'));
  const store = await openDirectoryStore({ path });
  const rival = await openDirectoryStore({ path });
  return {
    store,
    rival,
    async denied(work) {
      const refused = await openDirectoryStore({ path });
      await chmod(path, 0o000);
      try {
        await asNobody(() => work(refused));
        return;
      } finally {
        await chmod(path, 0o755);
        await refused.close();
      }
    },
    async unfinished() {
      return (await collect(glob('**/.tmp-*', { cwd: path }))).length;
    },
    async close() {
      await store.close();
      await rival.close();
      await rm(path, { recursive: true });
    },
  };
});
