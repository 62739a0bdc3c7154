import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { scanStore } from '../../../src/pipeline/indexing/scan.ts';
import { CatalogMemory } from '../../../src/pipeline/documents/catalog-memory.ts';
import { fanOut } from '../../../src/mirrors/fan-out.ts';
import { finishRemovals } from '../../../src/pipeline/removal/finish-removals.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import {
  PER_MIRRORED_VERSION,
  PER_SWEEP,
  PER_TICK,
  PER_VERSION,
  monthlyCost,
} from '../../../scripts/cost-model.ts';
import { costTables } from '../../../scripts/cost-tables.ts';
import {
  freshStore,
  put,
  splitImage,
  testContext,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

/**
 * A store that counts calls. On S3 each call is one request while objects and listings are small.
 */
function counting(store: ObjectStore) {
  const count = { writes: 0, reads: 0, lists: 0 };
  const counted: ObjectStore = {
    url: store.url,
    stat: (key) => (count.reads++, store.stat(key)),
    read: (key, options) => (count.reads++, store.read(key, options)),
    list: (prefix, options) => (count.lists++, store.list(prefix, options)),
    write: (key, body, options) => (count.writes++, store.write(key, body, options)),
    upload: (key, body, options) => (count.writes++, store.upload(key, body, options)),
    copy: (source, key, options) => (count.writes++, store.copy(source, key, options)),
    remove: (key, options) => store.remove(key, options),
    close: () => store.close(),
  };
  return { store: counted, count };
}

async function worlds(t: TestContext) {
  const master = counting(await freshStore(t));
  const copy = counting(await freshStore(t));
  // The pauses are real: without them a run looks repeatedly while its copies are running.
  const context = testContext(master.store, {
    pause: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
  });
  const target = {
    name: 'west',
    store: copy.store,
    copy: 'fan-out',
    filter: { include: [], exclude: [] },
  } as const;
  const measure = async (work: () => Promise<unknown>) => {
    const before = [{ ...master.count }, { ...copy.count }];
    await work();
    const total = { writes: 0, reads: 0, lists: 0 };
    for (const [index, { count }] of [master, copy].entries()) {
      total.writes += count.writes - before[index]!.writes;
      total.reads += count.reads - before[index]!.reads;
      total.lists += count.lists - before[index]!.lists;
    }
    return total;
  };
  return { context, master, target, measure };
}

describe('the counts behind the costs', () => {
  it('are at least what the code does', async (t) => {
    const { context, master, target, measure } = await worlds(t);
    const memory = new CatalogMemory();
    // The first version makes the catalog and the mirror; the second is one of many.
    for (const version of ['20260101', '20260102']) {
      const prefixes = await put(master.store, splitImage(versionPath(version), version));
      const indexed = await measure(() => indexVersions(context, prefixes));
      const mirrored = await measure(() => fanOut(context, target, { memory }));
      if (version === '20260101') continue;
      t.diagnostic(`indexed ${JSON.stringify(indexed)} mirrored ${JSON.stringify(mirrored)}`);
      // The upload itself needs two writes.
      assert.ok(2 + indexed.writes + indexed.lists <= PER_VERSION.writes);
      assert.ok(indexed.reads <= PER_VERSION.reads);
      assert.ok(mirrored.writes + mirrored.lists <= PER_MIRRORED_VERSION.writes);
      assert.ok(mirrored.reads <= PER_MIRRORED_VERSION.reads);
    }
    const tick = await measure(() => fanOut(context, target, { memory, quick: true }));
    const sweepOnce = async () => {
      await scanStore(context);
      await finishRemovals(context);
    };
    await sweepOnce();
    const sweep = await measure(sweepOnce);
    t.diagnostic(`tick ${JSON.stringify(tick)} sweep ${JSON.stringify(sweep)}`);
    assert.equal(tick.writes + tick.lists, PER_TICK.writes);
    assert.ok(tick.reads <= PER_TICK.reads);
    assert.equal(sweep.lists, 1);
    assert.equal(sweep.writes, PER_SWEEP.writes);
    assert.ok(sweep.reads <= PER_SWEEP.reads);
  });

  it('make a bill that is the sum of its parts, and grows with use', () => {
    const usage = {
      uploads: 10,
      gigabytesPerVersion: 0.2,
      kept: 30,
      mirrors: 1,
      clients: 100,
      downloads: 100,
    };
    const { total, ...parts } = monthlyCost(usage);
    assert.equal(
      total,
      Object.values(parts).reduce((sum, part) => sum + part, 0),
    );
    for (const name of ['uploads', 'kept', 'mirrors'] as const) {
      assert.ok(monthlyCost({ ...usage, [name]: usage[name] + 1 }).total > total, name);
    }
  });

  it('are those in docs/cost.md', () => {
    const cells = (text: string) => text.split('\n').map((line) => line.replaceAll(/[\s-]+/g, ''));
    const shown = cells(readFileSync(join(import.meta.dirname, '../../../docs/cost.md'), 'utf8'));
    for (const line of cells(costTables()).filter((text) => /\d/.test(text))) {
      assert.ok(shown.includes(line), `docs/cost.md lacks ${line}: npm run cost`);
    }
  });
});
