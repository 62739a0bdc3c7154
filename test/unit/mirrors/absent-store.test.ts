import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adoptMirror } from '../../../src/mirrors/adopt.ts';
import { fanOut } from '../../../src/mirrors/fan-out.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { mirrorStatus } from '../../../src/mirrors/status.ts';
import { StoreError } from '../../../src/storage/errors.ts';
import { faultyStore } from '../../support/stores/faulty-store.ts';
import { memoryStore } from '../../support/stores/memory-store.ts';
import { mirrorOf } from '../../support/stores/mirror-fixture.ts';
import {
  put,
  splitImage,
  testContext,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

describe('a mirror whose bucket does not exist', () => {
  // S3 responds with not_found for everything in it, both for a key and for the bucket.
  const calls: string[] = [];
  const store = faultyStore(memoryStore('nowhere'), ({ method, key }) => {
    calls.push(method);
    throw new StoreError('not_found', method, 'the bucket does not exist', { key });
  });
  const scene = async () => {
    const context = testContext(memoryStore('master'));
    await indexVersions(
      context,
      await put(context.store, splitImage(versionPath('20240101'), 'one')),
    );
    calls.length = 0;
    return context;
  };

  it('is reported, and not treated as new', async () => {
    const context = await scene();
    const { problems } = await mirrorStatus(context, mirrorOf(store));
    assert.deepEqual(problems, ['the bucket does not exist']);
  });

  it('is not written to', async () => {
    const context = await scene();
    for (const work of [fanOut, adoptMirror]) {
      await assert.rejects(work(context, mirrorOf(store)), /the bucket does not exist/);
    }
    assert.ok(!calls.includes('write'), calls.join());
  });
});
