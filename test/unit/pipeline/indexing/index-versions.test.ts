import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { LogFields } from '../../../../src/log/logger.ts';
import { indexVersions } from '../../../../src/pipeline/indexing/index-versions.ts';
import { isPipelineError } from '../../../../src/pipeline/errors.ts';
import { faultyStore } from '../../../support/stores/faulty-store.ts';
import {
  freshStore,
  projection,
  put,
  readAsClient,
  splitImage,
  storedCatalog,
  storedVersion,
  testContext,
  text,
  versionPath,
} from '../../../support/stores/pipeline-fixture.ts';

const PREFIX = versionPath('20180716_12:00');
const PRODUCT = 'iats:xenial:amd64:default';
const IMAGES = 'streams/v1/images.json';

describe('indexVersions', () => {
  it('publishes a split image for both clients, with the digests of its bytes', async (t) => {
    const store = await freshStore(t);
    const dirty = await put(store, splitImage(PREFIX, 'one'));
    const report = await indexVersions(testContext(store), dirty);
    assert.deepEqual(report.outcomes.get(PREFIX), { kind: 'done' });
    assert.deepEqual((await readAsClient(store)).items, [
      `${PRODUCT} 20180716_12:00 incus.tar.xz`,
      `${PRODUCT} 20180716_12:00 lxd.tar.xz`,
      `${PRODUCT} 20180716_12:00 squashfs`,
    ]);
    const combined = createHash('sha256')
      .update('metadata of one')
      .update('root of one')
      .digest('hex');
    assert.ok((await text(store, IMAGES))?.includes(`"combined_squashfs_sha256":"${combined}"`));
  });

  it('has the same result for every order, number and loss of events', async (t) => {
    const files = Object.entries({
      ...splitImage(PREFIX, 'one'),
      ...splitImage(versionPath('20180717_12:00'), 'two'),
      [`${PREFIX}disk.qcow2`]: 'a disk',
      'images/iats/xenial/amd64/default/product.toml': 'aliases = ["xenial"]\n',
    });
    const results = new Set<string | undefined>();
    for (const order of [files, files.toReversed(), [...files.slice(3), ...files.slice(0, 3)]]) {
      const store = await freshStore(t);
      const context = testContext(store);
      for (const [key, content] of order) {
        const dirty = await put(store, { [key]: content });
        await indexVersions(context, [...dirty, ...dirty, versionPath('20180717_12:00')]);
        await readAsClient(store);
      }
      results.add(await projection(store, IMAGES));
    }
    assert.equal(results.size, 1);
    assert.match([...results][0] ?? '', /"aliases":"[^"]*xenial"/);
  });

  it('writes nothing when nothing has changed', async (t) => {
    const store = await freshStore(t);
    const dirty = await put(store, splitImage(PREFIX, 'one'));
    await indexVersions(testContext(store), dirty);
    const writes: string[] = [];
    const watched = faultyStore(store, ({ method, key }) => {
      if (method === 'write') writes.push(key);
    });
    await indexVersions(testContext(watched), dirty);
    assert.deepEqual(writes, []);
  });

  it('reads a root only when its metadata exists, and then once', async (t) => {
    const store = await freshStore(t);
    const reads: string[] = [];
    const watched = faultyStore(store, ({ method, key }, moment) => {
      if (method === 'read' && moment === 'before' && key.startsWith('images/')) reads.push(key);
    });
    const context = testContext(watched);
    await indexVersions(context, await put(store, { [`${PREFIX}rootfs.squashfs`]: 'root' }));
    assert.deepEqual(reads, []);
    assert.equal((await storedVersion(store, PREFIX))?.state, 'incomplete');
    await indexVersions(context, await put(store, { [`${PREFIX}lxd.tar.xz`]: 'metadata' }));
    assert.deepEqual(reads, [`${PREFIX}lxd.tar.xz`, `${PREFIX}rootfs.squashfs`]);
  });

  it('adds a root that arrives later without reading the first again', async (t) => {
    const store = await freshStore(t);
    await indexVersions(testContext(store), await put(store, splitImage(PREFIX, 'one')));
    const reads: string[] = [];
    const watched = faultyStore(store, ({ method, key }, moment) => {
      if (method === 'read' && moment === 'before' && key.startsWith('images/')) reads.push(key);
    });
    const dirty = await put(store, { [`${PREFIX}disk.qcow2`]: 'a disk' });
    await indexVersions(testContext(watched), dirty);
    assert.deepEqual(reads, [`${PREFIX}lxd.tar.xz`, `${PREFIX}disk.qcow2`]);
    assert.ok((await readAsClient(store)).items.includes(`${PRODUCT} 20180716_12:00 disk-kvm.img`));
  });

  it('removes an overwritten file from the public files before it reads the new one', async (t) => {
    const store = await freshStore(t);
    await indexVersions(testContext(store), await put(store, splitImage(PREFIX, 'one')));
    const dirty = await put(store, { [`${PREFIX}rootfs.squashfs`]: 'other bytes' });
    const listed: string[][] = [];
    const watched = faultyStore(store, async ({ method, key }, moment) => {
      if (method === 'read' && key.endsWith('rootfs.squashfs') && moment === 'before') {
        listed.push([...(await readAsClient(store)).items]);
      }
    });
    await indexVersions(testContext(watched), dirty);
    assert.deepEqual(listed, [[]]);
    assert.equal((await readAsClient(store)).items.length, 3);
  });

  it('keeps an overwritten file out as long as an edge may hold the old bytes', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store, { settings: { edgeSeconds: 86_400 } });
    await indexVersions(context, await put(store, splitImage(PREFIX, 'one')));
    const dirty = await put(store, { [`${PREFIX}rootfs.squashfs`]: 'other bytes' });
    await indexVersions(context, dirty);
    assert.equal((await storedVersion(store, PREFIX))?.state, 'replaced');
    assert.deepEqual((await readAsClient(store)).items, []);
    context.advance(86_401_000);
    await indexVersions(context, dirty);
    assert.equal((await storedVersion(store, PREFIX))?.state, 'published');
    assert.equal((await readAsClient(store)).items.length, 3);
  });

  it('does not record a file that changed while it was read', async (t) => {
    const store = await freshStore(t);
    const dirty = await put(store, splitImage(PREFIX, 'one'));
    let overwritten = false;
    const racing = faultyStore(store, async ({ method, key }, moment) => {
      if (overwritten || method !== 'read' || !key.endsWith('squashfs') || moment !== 'before')
        return;
      overwritten = true;
      await put(store, { [key]: 'written over it while it was being read' });
    });
    await indexVersions(testContext(racing), dirty);
    assert.ok(overwritten);
    assert.equal((await readAsClient(store)).items.length, 3);
  });

  it('drops what was deleted, and follows what was moved', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    const other = versionPath('20190101');
    await indexVersions(context, await put(store, splitImage(PREFIX, 'one')));
    for (const name of ['lxd.tar.xz', 'rootfs.squashfs']) await store.remove(PREFIX + name);
    await put(store, splitImage(other, 'one'));
    await indexVersions(context, [other, PREFIX]);
    assert.equal(await storedVersion(store, PREFIX), undefined);
    assert.ok((await readAsClient(store)).items.every((item) => item.includes('20190101')));
  });

  it('publishes the same bytes once: the greatest version of a product, the earliest product', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    const later = versionPath('20190101');
    const elsewhere = versionPath('20200101', 'copy/of/amd64/it');
    await indexVersions(context, await put(store, splitImage(PREFIX, 'same')));
    await indexVersions(context, await put(store, splitImage(later, 'same')));
    await indexVersions(context, await put(store, splitImage(elsewhere, 'same')));
    const { items } = await readAsClient(store);
    assert.ok(
      items.every((item) => item.startsWith(`${PRODUCT} 20190101`)),
      items.join(),
    );
    for (const prefix of [PREFIX, elsewhere]) {
      const version = await storedVersion(store, prefix);
      assert.equal(version?.state, 'duplicate');
      assert.match(version.reason ?? '', /20190101/);
    }
    assert.ok(!(await text(store, 'streams/v1/index.json'))?.includes('copy'));
  });

  it('marks what cannot be published with a reason, and publishes its neighbours', async (t) => {
    const store = await freshStore(t);
    const good = versionPath('20240101');
    const cases: Readonly<Record<string, readonly [Record<string, string>, string, RegExp]>> = {
      [versionPath('20240102')]: [{ 'lxd.tar.xz': 'm2' }, 'incomplete', /no root/],
      [versionPath('20240103')]: [{ 'rootfs.squashfs': 'r3' }, 'incomplete', /no metadata/],
      [versionPath('20240104')]: [{ 'lxd.tar.xz': '', 'rootfs.squashfs': '' }, 'rejected', /empty/],
      [versionPath('20240105')]: [
        { 'lxd.tar.xz': 'm5', 'rootfs.squashfs': '' },
        'incomplete',
        /^rootfs\.squashfs is empty$/,
      ],
      [versionPath('20240106')]: [
        {
          'lxd.tar.xz': 'm6',
          'rootfs.squashfs': 'r6',
          SHA256SUMS: `${'0'.repeat(64)}  rootfs.squashfs\n`,
        },
        'rejected',
        /SHA256SUMS says 0000/,
      ],
      [versionPath('20240107', 'a/b/vax/default')]: [
        { 'lxd.tar.xz': 'm7', 'rootfs.squashfs': 'r7' },
        'rejected',
        /architecture "vax"/,
      ],
      [versionPath('20240108')]: [
        { 'lxd.tar.xz': 'm8', 'rootfs.squashfs': 'r8', SHA256SUMS: 'no checksums\n' },
        'rejected',
        /SHA256SUMS/,
      ],
    };
    const files = Object.entries(cases).flatMap(([prefix, [contents]]) =>
      Object.entries(contents).map(([name, content]) => [prefix + name, content] as const),
    );
    const dirty = await put(store, { ...Object.fromEntries(files), ...splitImage(good, 'good') });
    await indexVersions(testContext(store), dirty);
    for (const [prefix, [, state, reason]] of Object.entries(cases)) {
      const version = await storedVersion(store, prefix);
      assert.equal(version?.state, state, prefix);
      assert.match(version.reason ?? '', reason);
    }
    assert.equal((await readAsClient(store)).items.length, 3);
  });

  it('lists a unified file only without a split image', async (t) => {
    const store = await freshStore(t);
    const alone = versionPath('20240102');
    const dirty = await put(store, {
      ...splitImage(PREFIX, 'one'),
      [`${PREFIX}lxd_combined.tar.gz`]: 'unified beside',
      [`${alone}lxd_combined.tar.gz`]: 'unified alone',
    });
    await indexVersions(testContext(store), dirty);
    const { items } = await readAsClient(store);
    assert.ok(!items.includes(`${PRODUCT} 20180716_12:00 lxd_combined.tar.gz`));
    assert.ok(items.includes(`${PRODUCT} 20240102 lxd_combined.tar.gz`));
    assert.ok(items.includes(`${PRODUCT} 20240102 incus_combined.tar.gz`));
  });

  it('keeps the last good values of a product.toml that does not parse', async (t) => {
    const store = await freshStore(t);
    const context = testContext(store);
    const toml = 'images/iats/xenial/amd64/default/product.toml';
    await indexVersions(
      context,
      await put(store, { ...splitImage(PREFIX, 'one'), [toml]: 'release_title = "Good"\n' }),
    );
    await indexVersions(context, await put(store, { [toml]: 'release_title = 12\n' }));
    assert.match((await text(store, IMAGES)) ?? '', /"release_title":"Good"/);
    assert.ok((await storedCatalog(store)).products[PRODUCT]?.file?.problem);
  });

  it('reports a product.toml that does not parse once, however many versions are indexed with it', async (t) => {
    const store = await freshStore(t);
    const told: unknown[] = [];
    const context = {
      ...testContext(store),
      log: (_: string, message: string, fields?: LogFields) => {
        if (message.startsWith('product.toml')) told.push(fields?.['product']);
      },
    };
    const files: Record<string, string> = {
      'images/iats/xenial/amd64/default/product.toml': 'release_title = 12\n',
    };
    for (let day = 1; day <= 7; day++) {
      Object.assign(files, splitImage(versionPath(`2024010${day}`), `of ${day}`));
    }
    const dirty = await put(store, files);
    await indexVersions(context, dirty);
    await indexVersions(context, dirty);
    assert.deepEqual(told, [PRODUCT]);
  });

  it('commits a large number of uploads together', async (t) => {
    const store = await freshStore(t);
    const files = Array.from({ length: 60 }, (_, at) =>
      splitImage(
        versionPath(`202401${String((at % 28) + 1).padStart(2, '0')}_${at}`),
        `image ${at}`,
      ),
    );
    const dirty = await put(store, Object.assign({}, ...files) as Record<string, string>);
    let writes = 0;
    const watched = faultyStore(store, ({ method, key }, moment) => {
      if (method === 'write' && moment === 'after' && key === 'catalog/catalog.json') writes += 1;
    });
    await indexVersions(testContext(watched, { pause: (_, signal) => aborted(signal) }), dirty);
    assert.equal((await readAsClient(store)).items.length, 180);
    assert.equal(writes, 2, 'one to create the catalog, one for all images');
  });

  it('loses nothing when several index at once', async (t) => {
    const store = await freshStore(t);
    const groups = await Promise.all(
      Array.from({ length: 12 }, (_, at) =>
        put(store, splitImage(versionPath(`20240101_${at}`), `image ${at}`)),
      ),
    );
    await Promise.all(groups.map((dirty) => indexVersions(testContext(store), dirty)));
    const { items, generation } = await readAsClient(store);
    assert.equal(items.length, 36);
    assert.equal(generation, (await storedCatalog(store)).generation);
  });

  it('finds its own commit when the response to it was lost', async (t) => {
    const store = await freshStore(t);
    const dirty = await put(store, splitImage(PREFIX, 'one'));
    let lost = 0;
    const lossy = faultyStore(store, async ({ method, key }, moment) => {
      if (method !== 'write' || moment !== 'after' || lost > 2) return;
      lost += 1;
      const { StoreError } = await import('../../../../src/storage/errors.ts');
      throw new StoreError('unavailable', 'write', `the answer for ${key} was lost`);
    });
    const context = testContext(lossy);
    const report = await indexVersions(context, dirty).catch(() => indexVersions(context, dirty));
    assert.ok(lost > 0);
    assert.deepEqual(report.outcomes.get(PREFIX), { kind: 'done' });
    assert.equal((await readAsClient(store)).items.length, 3);
  });

  it('stops before a catalog that is damaged, newer, or lost, and keeps what is public', async (t) => {
    const store = await freshStore(t);
    await indexVersions(testContext(store), await put(store, splitImage(PREFIX, 'one')));
    const before = await text(store, IMAGES);
    const dirty = await put(store, splitImage(versionPath('20240101'), 'two'));
    const catalog = 'catalog/catalog.json';
    const good = (await text(store, catalog)) ?? '';
    for (const [damage, code] of [
      ['', 'catalog_unreadable'],
      [good.slice(0, -20), 'catalog_unreadable'],
      [good.replace('"size":', '"size":-'), 'catalog_unreadable'],
      [good.replace('"schema":2', '"schema":3'), 'catalog_newer'],
      [undefined, 'catalog_lost'],
    ] as const) {
      if (damage === undefined) await store.remove(catalog);
      else await put(store, { [catalog]: damage });
      await assert.rejects(indexVersions(testContext(store), dirty), (error) =>
        isPipelineError(error, code),
      );
      assert.equal(await text(store, IMAGES), before);
    }
  });

  it("leaves another program's public files unchanged", async (t) => {
    const store = await freshStore(t);
    const foreign = '{"index":{},"format":"index:1.0"}';
    const dirty = await put(store, {
      ...splitImage(PREFIX, 'one'),
      'streams/v1/index.json': foreign,
    });
    await assert.rejects(indexVersions(testContext(store), dirty), (error) =>
      isPipelineError(error, 'streams_foreign'),
    );
    assert.equal(await text(store, 'streams/v1/index.json'), foreign);
  });

  it('never sets a public file back to an older generation', async (t) => {
    const store = await freshStore(t);
    const slow = testContext(store);
    await indexVersions(slow, await put(store, splitImage(PREFIX, 'one')));
    const { publishStreams } =
      await import('../../../../src/pipeline/documents/publish-streams.ts');
    const old = await storedCatalog(store);
    await indexVersions(
      testContext(store),
      await put(store, splitImage(versionPath('20240101'), 'two')),
    );
    const after = await text(store, IMAGES);
    await publishStreams(slow, old);
    assert.equal(await text(store, IMAGES), after);
  });

  it('retries later what does not fit into the remaining time, and records it as pending', async (t) => {
    const store = await freshStore(t);
    const dirty = await put(store, splitImage(PREFIX, 'one'));
    const context = testContext(store);
    const now = context.now();
    const report = await indexVersions(context, dirty, {
      deadline: now + 1000,
      invocationMs: 900_000,
    });
    assert.equal(report.outcomes.get(PREFIX)?.kind, 'again');
    assert.equal((await storedVersion(store, PREFIX))?.state, 'pending');
    await indexVersions(context, dirty);
    assert.equal((await storedVersion(store, PREFIX))?.state, 'published');
  });

  it('rejects what fits into no invocation, and shows the remedy', async (t) => {
    const store = await freshStore(t);
    const dirty = await put(store, splitImage(PREFIX, 'one'));
    const context = testContext(store);
    const limits = { deadline: context.now() + 10_000, invocationMs: 10_000 };
    const report = await indexVersions(context, dirty, limits);
    assert.equal(report.outcomes.get(PREFIX)?.kind, 'done');
    const version = await storedVersion(store, PREFIX);
    assert.equal(version?.state, 'rejected');
    assert.match(version.reason ?? '', /too large for the function.*run bucketstreams update/);
  });
});

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal === undefined || signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
