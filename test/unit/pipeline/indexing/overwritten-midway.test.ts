import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { update } from '../../../../src/pipeline/indexing/update.ts';
import { openDirectoryStore } from '../../../../src/storage/directory/store.ts';
import type { ObjectStore } from '../../../../src/storage/object-store.ts';
import {
  storedVersion,
  testContext,
  text,
  versionPath,
} from '../../../support/stores/pipeline-fixture.ts';
import { temporaryFolder } from '../../../support/temporary.ts';

const PREFIX = versionPath('20240101');
const ROOT = `${PREFIX}rootfs.squashfs`;
const SIZE = 16 * 1024 * 1024;

/** The store. `midway` is called once, after the first chunk of a root's body was read. */
function interrupted(store: ObjectStore, midway: () => Promise<void>): ObjectStore {
  let pending = true;
  async function* gate(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream) {
      yield chunk;
      if (!pending) continue;
      pending = false;
      await midway();
    }
  }
  return {
    url: store.url,
    stat: (key) => store.stat(key),
    list: (prefix, options) => store.list(prefix, options),
    write: (key, body, options) => store.write(key, body, options),
    upload: (key, body, options) => store.upload(key, body, options),
    copy: (source, key, options) => store.copy(source, key, options),
    remove: (key, options) => store.remove(key, options),
    close: () => store.close(),
    read: async (key, options) => {
      const body = await store.read(key, options);
      if (key !== ROOT) return body;
      return { ...body, stream: Readable.from(gate(body.stream), { objectMode: false }) };
    },
  };
}

describe('a large file that is overwritten while it is hashed', () => {
  it('is published only with the digests of its new bytes', async () => {
    await using folder = await temporaryFolder();
    const store = await openDirectoryStore({ path: folder.path, settleMs: 0 });
    const root = join(folder.path, ROOT);
    const [metadata, old, now] = [
      Buffer.from('metadata'),
      Buffer.alloc(SIZE, 1),
      Buffer.alloc(SIZE, 2),
    ];
    await mkdir(dirname(root), { recursive: true });
    await writeFile(join(folder.path, PREFIX, 'lxd.tar.xz'), metadata);
    await writeFile(root, old);
    let overwritten = 0;
    const gated = interrupted(store, async () => {
      overwritten += 1;
      // In place: a process that has it open reads the new bytes from here on.
      await writeFile(root, now, { flag: 'r+' });
    });
    await update(testContext(gated));
    assert.equal(overwritten, 1);
    const version = await storedVersion(store, PREFIX);
    assert.equal(version?.state, 'published');
    const digest = (...parts: readonly Buffer[]) =>
      createHash('sha256').update(Buffer.concat(parts)).digest('hex');
    assert.equal(version.files['rootfs.squashfs']?.sha256, digest(now));
    const images = (await text(store, 'streams/v1/images.json')) ?? '';
    assert.ok(images.includes(digest(metadata, now)));
    assert.ok(!images.includes(digest(old)));
    await store.close();
  });
});
