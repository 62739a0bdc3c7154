import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { emfMeter, isCatalogProblem } from '../../../lambda/metrics.ts';
import { parseMirrorSettings } from '../../../lambda/mirror-settings.ts';
import { fanOut } from '../../../src/mirrors/fan-out.ts';
import { scanStore } from '../../../src/pipeline/indexing/scan.ts';
import { PipelineError } from '../../../src/pipeline/errors.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { storeWith } from '../../support/servers/front-fixture.ts';
import { mirrorOf } from '../../support/stores/mirror-fixture.ts';
import {
  freshStore,
  put,
  splitImage,
  testContext,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

/** A meter, and its output from one take to the next: a record for each line. */
function testMeter() {
  const lines: string[] = [];
  const meter = emfMeter(
    (line) => void lines.push(line),
    'live',
    () => 1234,
  );
  const takeAll = () => {
    meter.flush();
    return lines.splice(0).map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  };
  return { meter, takeAll, take: () => takeAll()[0] ?? {} };
}

describe('the meter of a function', () => {
  it('counts the bytes that a function hashes, from one take to the next', async (t) => {
    const store = await freshStore(t);
    const { meter, take } = testMeter();
    const context = testContext(store, { meter });
    const files = splitImage(versionPath('20260101'), 'x');
    await indexVersions(context, await put(store, files));
    const bytes = Object.values(files).reduce((sum, text) => sum + text.length, 0);
    assert.equal(take()['BytesHashed'], bytes);
    meter.count('BytesHashed', 0);
    assert.equal(take()['BytesHashed'], 0);
  });

  it('counts commits that failed because a rival was faster', async (t) => {
    const store = await freshStore(t);
    // There is already a catalog, because making one is another race.
    const first = await put(store, splitImage(versionPath('20260103'), 'first'));
    await indexVersions(testContext(store), first);
    const { meter, take } = testMeter();
    let isFirst = true;
    const rivalled = {
      ...store,
      url: store.url,
      stat: store.stat.bind(store),
      read: store.read.bind(store),
      list: store.list.bind(store),
      upload: store.upload.bind(store),
      copy: store.copy.bind(store),
      remove: store.remove.bind(store),
      close: store.close.bind(store),
      write: async (...args: Parameters<typeof store.write>) => {
        if (isFirst && args[0] === 'catalog/catalog.json') {
          isFirst = false;
          const rival = await put(store, splitImage(versionPath('20260102'), 'rival'));
          await indexVersions(testContext(store), rival);
        }
        return store.write(...args);
      },
    };
    const prefixes = await put(store, splitImage(versionPath('20260101'), 'ours'));
    await indexVersions(testContext(rivalled, { meter }), prefixes);
    const taken = take();
    assert.equal(taken['CommitRetries'], 1);
    assert.equal(taken['MirrorCommitRetries'], undefined);
  });

  it('counts publications, and versions when they become rejected', async (t) => {
    const store = await freshStore(t);
    const { meter, take } = testMeter();
    const context = testContext(store, { meter });
    const wrong = { [`${versionPath('20260101')}SHA256SUMS`]: `${'0'.repeat(64)}  lxd.tar.xz\n` };
    const files = splitImage(versionPath('20260101'), 'x');
    const prefixes = await put(store, { ...files, ...wrong });
    await indexVersions(context, prefixes);
    const first = take();
    assert.equal(first['Rejections'], 1);
    assert.equal(first['Publications'], 1);
    await indexVersions(context, prefixes);
    const second = take();
    assert.equal(second['Rejections'], undefined);
    assert.equal(second['Publications'], undefined);
  });

  it('measures what a scan found', async (t) => {
    const store = await freshStore(t);
    await indexVersions(
      testContext(store),
      await put(store, splitImage(versionPath('20260101'), 'x')),
    );
    await put(store, splitImage(versionPath('20260102'), 'y'));
    const { meter, take } = testMeter();
    await scanStore(testContext(store, { meter }));
    const { VersionsPublished, VersionsRejected, VersionsDrifted, RemovalsHeld } = take();
    assert.deepEqual(
      [VersionsPublished, VersionsRejected, VersionsDrifted, RemovalsHeld],
      [1, 0, 1, 0],
    );
  });

  it('separates a mirror from the master by a dimension', async (t) => {
    const master = await freshStore(t);
    const { meter, takeAll } = testMeter();
    const context = testContext(master, { meter });
    const files = splitImage(versionPath('20260101'), 'x');
    await indexVersions(context, await put(master, files));
    takeAll();
    // A rival makes the mirror's first commit fail.
    const mirror = await freshStore(t);
    let isFirst = true;
    const rivalled = storeWith(mirror, {
      write: async (key, body, options) => {
        if (isFirst && key === 'catalog/mirror.json' && 'ifMatch' in (options?.condition ?? {})) {
          isFirst = false;
          await fanOut(testContext(master), mirrorOf(mirror, { name: 'west' }));
        }
        return mirror.write(key, body, options);
      },
    });
    await fanOut(context, mirrorOf(rivalled, { name: 'west' }));
    meter.count('BytesHashed', 5);
    const [west, own, ...rest] = takeAll().toSorted(byMirror);
    assert.deepEqual(rest, []);
    assert.equal(west?.['Mirror'], 'west');
    assert.equal(west['Deployment'], 'live');
    assert.equal(west['MirrorCommitRetries'], 1);
    assert.equal(west['CommitRetries'], undefined);
    assert.equal(own?.['Mirror'], undefined);
    assert.equal(own?.['BytesHashed'], 5);
  });

  it('keeps the last value of a gauge, and writes nothing when nothing was measured', () => {
    const { meter, takeAll } = testMeter();
    meter.gauge('MirrorLagSeconds', 3, { mirror: 'west' });
    meter.gauge('MirrorLagSeconds', 2, { mirror: 'west' });
    assert.deepEqual(
      takeAll().map(({ MirrorLagSeconds }) => MirrorLagSeconds),
      [2],
    );
    assert.deepEqual(takeAll(), []);
  });
});

function byMirror(
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): number {
  return Number('Mirror' in b) - Number('Mirror' in a);
}

describe('isCatalogProblem', () => {
  it('covers what a person has to decide, and nothing temporary', () => {
    assert.equal(isCatalogProblem(new PipelineError('catalog_lost', 'x')), true);
    assert.equal(isCatalogProblem(new PipelineError('document_too_large', 'x')), true);
    assert.equal(isCatalogProblem(new PipelineError('catalog_contended', 'x')), false);
    assert.equal(isCatalogProblem(new Error('x')), false);
  });
});

describe('parseMirrorSettings', () => {
  const whole = { store: 's3://west?region=us-west-2', copy: 'fan-out', include: [], exclude: [] };

  it('reads what the deployment writes', () => {
    assert.deepEqual(parseMirrorSettings(JSON.stringify({ ...whole, newest: 3 })), {
      store: 's3://west?region=us-west-2',
      copy: 'fan-out',
      filter: { include: [], exclude: [], newest: 3 },
    });
  });

  it('rejects anything else', () => {
    for (const wrong of [{}, { ...whole, copy: 'rsync' }, { ...whole, newest: '3' }]) {
      assert.throws(() => parseMirrorSettings(JSON.stringify(wrong)), /MIRROR_SETTINGS/);
    }
  });
});
