import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { keepMirror } from '../../../src/mirrors/keep.ts';
import { mirrorStatus } from '../../../src/mirrors/status.ts';
import { StoreError } from '../../../src/storage/errors.ts';
import { faultyStore } from '../../support/stores/faulty-store.ts';
import { memoryStore } from '../../support/stores/memory-store.ts';
import { mirrorOf } from '../../support/stores/mirror-fixture.ts';
import {
  put,
  splitImage,
  testContext,
  text,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

const FIRST = versionPath('20240101');
const ROOT = `${FIRST}rootfs.squashfs`;
const RECORD = 'catalog/mirrors/test.json';

async function scene() {
  const writes: string[] = [];
  const master = faultyStore(memoryStore('master'), ({ method, key }, moment) => {
    if (method === 'write' && moment === 'after') writes.push(key);
  });
  const context = testContext(master);
  await indexVersions(context, await put(master, splitImage(FIRST, 'one')));
  writes.length = 0;
  const store = memoryStore('mirror');
  const denying = faultyStore(store, ({ method, key }) => {
    if (method !== 'read' && key === ROOT)
      throw new StoreError('access_denied', method, 'denied', { key });
  });
  return { master, context, writes, well: mirrorOf(store), sick: mirrorOf(denying) };
}

describe("a mirror's last error", () => {
  it('is stored while the mirror can be reached, and written once', async () => {
    const { context, writes, sick, well } = await scene();
    await keepMirror(context, sick);
    const { lastError } = await mirrorStatus(context, well);
    assert.deepEqual(
      [lastError?.key, lastError?.message, lastError?.until],
      [ROOT, 'denied', null],
    );
    context.advance(60_000);
    await keepMirror(context, sick);
    assert.deepEqual(writes, [RECORD]);
    assert.deepEqual((await mirrorStatus(context, well)).lastError, lastError);
  });

  it('gets its end time, and nothing is written for a healthy mirror', async () => {
    const { context, writes, sick, well } = await scene();
    await keepMirror(context, well);
    assert.deepEqual(writes, []);
    assert.equal((await mirrorStatus(context, well)).lastError, null);
    await well.store.remove(ROOT);
    await keepMirror(context, sick);
    context.advance(60_000);
    await keepMirror(context, well);
    await keepMirror(context, well);
    const { lastError } = await mirrorStatus(context, well);
    const { since, until } = lastError!;
    assert.ok(Date.parse(until!) - Date.parse(since) >= 60_000);
    assert.deepEqual(writes, [RECORD, RECORD]);
  });

  it('is not written to a master that has no catalog', async () => {
    const { well } = await scene();
    const empty = memoryStore('empty');
    await assert.rejects(keepMirror(testContext(empty), well), { code: 'master_empty' });
    assert.equal(await text(empty, RECORD), undefined);
  });
});
