import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import type { PipelineContext } from '../../../src/pipeline/context.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { clearUploads } from '../../../src/publishing/clear-uploads.ts';
import { reserveVersion } from '../../../src/publishing/reservation.ts';
import { faultyStore } from '../../support/stores/faulty-store.ts';
import { freshStore, put, testContext } from '../../support/stores/pipeline-fixture.ts';

const HOUR = 60 * 60 * 1000;
const PRODUCT = { os: 'iats', release: 'bionic', arch: 'amd64', variant: 'vim' };
const VERSION = 'images/iats/bionic/amd64/vim/20260101_1200/';

async function keys(store: ObjectStore): Promise<string[]> {
  return (await Array.fromAsync(store.list(''))).map(({ key }) => key);
}

/** A store with the rest of an upload that was killed between its root and its metadata. */
async function killed(t: TestContext): Promise<PipelineContext & { advance(ms: number): void }> {
  const store = await freshStore(t);
  const slot = await reserveVersion(store, PRODUCT, '20260101_1200');
  await slot.putBytes('rootfs.squashfs', Buffer.from('root'));
  return testContext(store);
}

describe('the rest of an interrupted upload', () => {
  it('stays while the upload may be running, and is deleted after a day', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    await put(store, {
      'uploads/waiting/whole/rootfs.squashfs': 'root',
      'uploads/waiting/whole/upload.json': '{}',
      'uploads/waiting/half/rootfs.squashfs': 'root',
      'uploads/claims/iats/bionic/amd64/vim/20260101_1200': 'claim',
      'images/iats/bionic/amd64/other/20260101/rootfs.squashfs': 'waits for its metadata',
    });
    const before = await keys(store);
    context.advance(23 * HOUR);
    assert.deepEqual(await clearUploads(context), []);
    assert.deepEqual(await keys(store), before);
    context.advance(2 * HOUR);
    assert.deepEqual(await clearUploads(context), []);
    assert.deepEqual(await keys(store), [
      'images/iats/bionic/amd64/other/20260101/rootfs.squashfs',
    ]);
  });

  it('is deleted with the root under its claim, and the version is reported', async (t) => {
    const context = await killed(t);
    await clearUploads(context);
    assert.equal((await keys(context.store)).length, 2);
    context.advance(25 * HOUR);
    assert.deepEqual(await clearUploads(context), [VERSION]);
    assert.deepEqual(await keys(context.store), []);
  });

  it('is only the claim where another upload completed the version', async (t) => {
    const context = await killed(t);
    await put(context.store, { [`${VERSION}lxd.tar.xz`]: 'metadata' });
    context.advance(25 * HOUR);
    assert.deepEqual(await clearUploads(context), []);
    assert.deepEqual(await keys(context.store), [
      `${VERSION}lxd.tar.xz`,
      `${VERSION}rootfs.squashfs`,
    ]);
  });

  it('loses its record first, so that no image waits without its root', async (t) => {
    const store = await freshStore(t);
    await put(store, {
      'uploads/waiting/whole/disk.qcow2': 'root',
      'uploads/waiting/whole/upload.json': '{}',
    });
    const removed: string[] = [];
    const recording = faultyStore(store, ({ method, key }, moment) => {
      if (method === 'remove' && moment === 'before') removed.push(key);
    });
    const context = testContext(recording);
    context.advance(25 * HOUR);
    await clearUploads(context);
    assert.deepEqual(removed, [
      'uploads/waiting/whole/upload.json',
      'uploads/waiting/whole/disk.qcow2',
    ]);
  });
});
