import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fanOut } from '../../../src/mirrors/fan-out.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import type { ObjectInfo, ObjectStore } from '../../../src/storage/object-store.ts';
import { memoryStore } from '../../support/stores/memory-store.ts';
import { mirrorOf, storedMirror } from '../../support/stores/mirror-fixture.ts';
import {
  projection,
  put,
  splitImage,
  testContext,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

const FIRST = versionPath('20240101');
const SECOND = versionPath('20240102');
const IMAGES = 'streams/v1/images.json';

/** A master whose service returns a replication status for each image file. */
async function scene(statusOf: (key: string) => ObjectInfo['replication']) {
  const master = memoryStore('master');
  const asked: string[] = [];
  const stat: ObjectStore['stat'] = async (key) => {
    const info = await master.stat(key);
    if (!key.startsWith('images/')) return info;
    asked.push(key);
    const replication = statusOf(key);
    return info && { ...info, ...(replication && { replication }) };
  };
  const context = testContext({ ...master, stat });
  await indexVersions(
    context,
    await put(master, { ...splitImage(FIRST, 'one'), ...splitImage(SECOND, 'two') }),
  );
  asked.length = 0;
  const mirror = mirrorOf(memoryStore('mirror'), { copy: 'replication' });
  return { context, mirror, asked };
}

describe('a replication that failed', () => {
  it('is repaired at once, and nothing else is copied', async () => {
    const { context, mirror, asked } = await scene((key) =>
      key.startsWith(FIRST) ? 'failed' : 'pending',
    );
    const report = await fanOut(context, mirror);
    assert.deepEqual([report.copied, report.missing.files], [2, 2]);
    const { files } = await storedMirror(mirror.store);
    assert.equal(files[`${FIRST}rootfs.squashfs`]?.proof, 'copied');
    assert.equal(asked.length, 4, 'one question for each that is missing');
    const again = await fanOut(context, mirror);
    assert.equal(again.copied, 0);
    assert.equal(asked.length, 6, 'and none for those that are there');
  });

  it('is not checked where the fan-out copies itself, or where the age is enough', async () => {
    const { context, mirror, asked } = await scene(() => 'failed');
    await fanOut(context, mirror, { repairAfterMs: 0 });
    assert.equal(asked.length, 0);
    assert.equal(await projection(mirror.store, IMAGES), await projection(context.store, IMAGES));
  });

  it('is not assumed where the service returns no status', async () => {
    const { context, mirror } = await scene(() => undefined);
    assert.equal((await fanOut(context, mirror)).copied, 0);
  });
});
