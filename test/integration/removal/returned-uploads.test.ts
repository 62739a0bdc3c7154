import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseProductPath, versionPrefix } from '../../../src/images/layout.ts';
import { scanStore } from '../../../src/pipeline/indexing/scan.ts';
import { finishRemovals } from '../../../src/pipeline/removal/finish-removals.ts';
import { removeVersions } from '../../../src/pipeline/removal/remove-versions.ts';
import { indexAll } from '../../../src/pipeline/indexing/update.ts';
import { openS3Store } from '../../../src/storage/s3/store.ts';
import { eventually } from '../../support/eventually.ts';
import {
  put,
  readAsClient,
  splitImage,
  testContext,
} from '../../support/stores/pipeline-fixture.ts';
import { makeBucket, storeOptions } from '../../support/services/bucket.ts';
import { startMinio } from '../../support/services/minio.ts';

const PRODUCT = parseProductPath('iats/xenial/amd64/default')!;
const [INDEXED, UNSEEN, GONE] = ['20240101', '20240102', '20240103'].map((version) => ({
  product: PRODUCT,
  version,
})) as [Ref, Ref, Ref];
const GRACE = { graceMs: 60_000 };

type Ref = Parameters<typeof versionPrefix>[0];

describe('a removal in a bucket', () => {
  it('keeps the same bytes when they return in its grace', { timeout: 120_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const minio = await startMinio();
    stack.defer(() => minio.stop());
    await makeBucket(minio, 'images');
    const store = openS3Store(storeOptions(minio, 'images'));
    stack.defer(() => store.close());
    const context = testContext(store);
    const refs = [INDEXED, UNSEEN, GONE];
    const filesOf = (ref: Ref) => splitImage(versionPrefix(ref), ref.version);
    const versions = async () => [
      ...new Set((await readAsClient(store)).items.map((item) => item.split(' ')[1])),
    ];
    const putBack = async (ref: Ref) => {
      for (const [key, body] of Object.entries(filesOf(ref))) {
        const before = await store.stat(key);
        const after = await eventually(async () => {
          await put(store, { [key]: body });
          const info = await store.stat(key);
          return info?.lastModified !== before?.lastModified && info;
        });
        assert.equal(after.etag, before?.etag);
      }
    };

    for (const ref of refs) await put(store, filesOf(ref));
    await indexAll(context, (await scanStore(context)).dirty);
    assert.equal((await versions()).length, 3);
    await removeVersions(
      context,
      refs.map((ref) => ({ ref })),
    );
    await indexAll(context, refs.map(versionPrefix));
    assert.deepEqual(await versions(), []);

    await putBack(INDEXED);
    await indexAll(context, [versionPrefix(INDEXED)]);
    assert.deepEqual(await versions(), [INDEXED.version]);
    await finishRemovals(context, GRACE);
    context.advance(GRACE.graceMs + 1);
    await putBack(UNSEEN);
    const { deleted } = await finishRemovals(context, GRACE);
    assert.deepEqual([...deleted].sort(), refs.map(versionPrefix));
    assert.deepEqual(await versions(), [INDEXED.version]);
    await indexAll(context, deleted);

    assert.deepEqual(await versions(), [INDEXED.version, UNSEEN.version]);
    const left = await Array.fromAsync(store.list('images/'), ({ key }) => key);
    assert.deepEqual(left, [INDEXED, UNSEEN].flatMap((ref) => Object.keys(filesOf(ref))).sort());
    assert.deepEqual((await scanStore(context)).dirty, []);
  });
});
