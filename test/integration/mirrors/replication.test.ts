import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHasher } from '../../../src/hashing/hasher.ts';
import { silentLogger } from '../../support/silent-logger.ts';
import { createContext } from '../../../src/pipeline/context.ts';
import { scanStore } from '../../../src/pipeline/indexing/scan.ts';
import { fanOut } from '../../../src/mirrors/fan-out.ts';
import { finishRemovals } from '../../../src/pipeline/removal/finish-removals.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { removeVersions } from '../../../src/pipeline/removal/remove-versions.ts';
import { openS3Store } from '../../../src/storage/s3/store.ts';
import { eventually } from '../../support/eventually.ts';
import { mirrorOf, storedMirror } from '../../support/stores/mirror-fixture.ts';
import { startReader } from '../../support/stores/mirror-reader.ts';
import {
  projection,
  put,
  splitImage,
  text,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';
import { makeBucket, storeOptions } from '../../support/services/bucket.ts';
import { startMinio } from '../../support/services/minio.ts';
import { keepVersions, replicate } from '../../support/services/replication.ts';
import { startSickProxy } from '../../support/servers/sick-proxy.ts';

const BUCKET = 'images';
const VERSIONS = Array.from({ length: 8 }, (_, at) => versionPath(`2024010${at + 1}`));
const [FIRST, LAST] = [VERSIONS[0]!, versionPath('20240201')];
const PRODUCT = { os: 'iats', release: 'xenial', arch: 'amd64', variant: 'default' };

describe("a mirror that the buckets' own replication fills", { timeout: 170_000 }, () => {
  it('is watched, published and repaired', async () => {
    await using stack = new AsyncDisposableStack();
    const open = async () => {
      const service = await startMinio();
      stack.defer(() => service.stop());
      await makeBucket(service, BUCKET);
      await keepVersions(service, BUCKET);
      const store = openS3Store(storeOptions(service, BUCKET));
      stack.defer(() => store.close());
      return { service, store };
    };
    const [master, mirror] = [await open(), await open()];
    const replication = await replicate(master.service, mirror.service, BUCKET, 'images');
    const context = createContext({
      store: master.store,
      hasher: createHasher({ threads: 0 }),
      log: silentLogger,
    });
    await scanStore(context);
    const target = mirrorOf(mirror.store, { copy: 'replication' });
    const synced = (limits = {}) =>
      eventually(async () => {
        const report = await fanOut(context, target, { graceMs: 0, ...limits });
        assert.deepEqual([...report.failures.values()], []);
        const [theirs, ours] = await Promise.all(
          [master, mirror].map(({ store }) => projection(store, 'streams/v1/images.json')),
        );
        return report.missing.files === 0 && report.leaving === 0 && theirs === ours && report;
      });
    const reader = startReader(mirror.store);
    stack.defer(() => reader.stop().catch(() => undefined));

    const files = Object.assign(
      {},
      ...VERSIONS.map((prefix) => splitImage(prefix, prefix)),
    ) as Record<string, string>;
    await indexVersions(context, await put(master.store, files));
    assert.equal((await synced()).copied, 0);
    const { files: ledger } = await storedMirror(mirror.store);
    assert.equal(Object.keys(ledger).length, 16);
    assert.deepEqual([...new Set(Object.values(ledger).map(({ proof }) => proof))], ['replica']);
    assert.equal(await text(mirror.store, 'catalog/catalog.json'), undefined);

    // Files that are removed on the master are deleted on the mirror by the fan-out, not by the
    // replication.
    await removeVersions(context, [{ ref: { product: PRODUCT, version: '20240101' } }]);
    await indexVersions(context, [FIRST]);
    await synced();
    assert.equal(await text(mirror.store, `${FIRST}rootfs.squashfs`), undefined);
    await finishRemovals(context, { graceMs: 0 });

    // The fan-out waits for files that the service does not replicate, then copies them.
    await replication.stop();
    await indexVersions(context, await put(master.store, splitImage(LAST, 'last')));
    const waiting = await fanOut(context, target, { graceMs: 0 });
    assert.deepEqual([waiting.copied, waiting.missing.files], [0, 2]);
    assert.equal((await synced({ repairAfterMs: 0 })).missing.files, 0);
    assert.equal(
      (await storedMirror(mirror.store)).files[`${LAST}rootfs.squashfs`]?.proof,
      'copied',
    );
    await reader.stop();
    assert.ok(reader.observations() > 0);
  });

  it('is repaired at once where the replication has failed', async () => {
    await using stack = new AsyncDisposableStack();
    const open = async () => {
      const service = await startMinio();
      stack.defer(() => service.stop());
      await makeBucket(service, BUCKET);
      await keepVersions(service, BUCKET);
      const store = openS3Store(storeOptions(service, BUCKET));
      stack.defer(() => store.close());
      return { service, store };
    };
    const [master, mirror] = [await open(), await open()];
    // The replication uses its own credentials, which may now no longer write.
    const proxy = await startSickProxy(mirror.service.endpoint);
    stack.defer(() => proxy.close());
    const target = { ...mirror.service, endpoint: proxy.endpoint };
    const replication = await replicate(master.service, target, BUCKET, 'images');
    stack.defer(() => replication.stop());
    proxy.sickness = 'read-only';
    const context = createContext({
      store: master.store,
      hasher: createHasher({ threads: 0 }),
      log: silentLogger,
    });
    await scanStore(context);
    await indexVersions(context, await put(master.store, splitImage(FIRST, 'one')));
    const root = `${FIRST}rootfs.squashfs`;
    await eventually(async () => (await master.store.stat(root))?.replication === 'failed');
    const failed = mirrorOf(mirror.store, { copy: 'replication' });
    await eventually(async () => (await fanOut(context, failed)).missing.files === 0);
    assert.equal((await storedMirror(mirror.store)).files[root]?.proof, 'copied');
  });
});
