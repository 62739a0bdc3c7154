import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isCatalogProblem, Meter } from '../../../lambda/metrics.ts';
import { parseMirrorSettings } from '../../../lambda/mirror-settings.ts';
import { inlineHasher } from '../../../src/hashing/inline-hasher.ts';
import { silentLogger } from '../../../src/log/logger.ts';
import { PipelineError } from '../../../src/pipeline/errors.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import {
  freshStore,
  put,
  splitImage,
  testContext,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

describe('Meter', () => {
  it('counts the bytes that a function hashes, from one take to the next', async (t) => {
    const store = await freshStore(t);
    const meter = new Meter();
    const context = testContext(store, { hasher: meter.hasher(inlineHasher) });
    const files = splitImage(versionPath('20260101'), 'x');
    await indexVersions(context, await put(store, files));
    const bytes = Object.values(files).reduce((sum, text) => sum + text.length, 0);
    assert.equal(meter.take().BytesHashed, bytes);
    assert.equal(meter.take().BytesHashed, 0);
  });

  it('counts commits that a rival was faster than', async (t) => {
    const store = await freshStore(t);
    // There is a catalog already: making one is another race.
    const first = await put(store, splitImage(versionPath('20260103'), 'first'));
    await indexVersions(testContext(store), first);
    const meter = new Meter();
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
    await indexVersions(testContext(rivalled, { log: meter.log(silentLogger) }), prefixes);
    assert.equal(meter.take().CommitRetries, 1);
  });
});

describe('isCatalogProblem', () => {
  it('is what a person has to decide about, and not what passes', () => {
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

  it('refuses anything else', () => {
    for (const wrong of [{}, { ...whole, copy: 'rsync' }, { ...whole, newest: '3' }]) {
      assert.throws(() => parseMirrorSettings(JSON.stringify(wrong)), /MIRROR_SETTINGS/);
    }
  });
});
