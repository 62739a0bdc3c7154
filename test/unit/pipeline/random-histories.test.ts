import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { scanStore } from '../../../src/pipeline/indexing/scan.ts';
import { finishRemovals } from '../../../src/pipeline/removal/finish-removals.ts';
import { indexVersions } from '../../../src/pipeline/indexing/index-versions.ts';
import { removeVersions } from '../../../src/pipeline/removal/remove-versions.ts';
import { indexAll, update } from '../../../src/pipeline/indexing/update.ts';
import { memoryStore } from '../../support/stores/memory-store.ts';
import {
  projection,
  readAsClient,
  storedCatalog,
  testContext,
  versionPath,
} from '../../support/stores/pipeline-fixture.ts';

const PRODUCTS = ['alpine', 'debian'].map((os) => ({
  os,
  release: 'one',
  arch: 'amd64',
  variant: 'default',
}));
const VERSIONS = ['20240101', '20240102'];
const FILES = [
  'lxd.tar.xz',
  'incus.tar.xz',
  'rootfs.squashfs',
  'disk.qcow2',
  'incus_combined.tar.gz',
];

const place = fc.record({
  product: fc.constantFrom(...PRODUCTS),
  version: fc.constantFrom(...VERSIONS),
});
const file = fc.constantFrom(...FILES);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      at: place,
      file,
      body: fc.constantFrom('', 'a', 'b', 'c'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), at: place, file }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), at: place }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('event' as const), at: place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const), hours: fc.nat(3) }) },
);

const KEYS = ['streams/v1/images.json', 'streams/v1/index.json'];

describe('any history of a store', () => {
  it('ends, after sweeps, in correct public files with all uploads and no work left', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 50 }),
        fc.constantFrom(0, 7200),
        async (steps, edgeSeconds) => {
          // Every change has a different second.
          let seconds = 0;
          const store = memoryStore('history', undefined, () => (seconds += 1) * 1000);
          const uploads = new Set<string>();
          const context = testContext(store, { settings: { edgeSeconds } });
          const prefixOf = ({
            product: { os },
            version,
          }: {
            product: { os: string };
            version: string;
          }) => versionPath(version, `${os}/one/amd64/default`);
          const sweep = async () => {
            await indexAll(context, (await scanStore(context)).dirty);
            await indexAll(context, (await finishRemovals(context)).deleted);
          };
          for (const one of steps) {
            if (one.do === 'sweep') {
              context.advance(one.hours * 3_600_000);
              await sweep();
              await readAsClient(store);
            } else if (one.do === 'put') {
              await store.write(prefixOf(one.at) + one.file, Buffer.from(one.body));
              uploads.add(prefixOf(one.at) + one.file);
            } else if (one.do === 'delete') {
              await store.remove(prefixOf(one.at) + one.file);
              uploads.delete(prefixOf(one.at) + one.file);
            } else if (one.do === 'remove') {
              await removeVersions(context, [{ ref: one.at }]);
              for (const name of FILES) uploads.delete(prefixOf(one.at) + name);
            } else await indexVersions(context, [prefixOf(one.at)]);
          }
          // These sweeps end names, let the grace pass, and delete bytes and markers.
          for (let i = 0; i < 3; i++) {
            await sweep();
            context.advance(3 * 3_600_000);
          }
          const { items } = await readAsClient(store);
          assert.deepEqual((await scanStore(context)).dirty, []);
          const catalog = await storedCatalog(store);
          for (const { versions } of Object.values(catalog.products)) {
            for (const { state, removal } of Object.values(versions)) {
              assert.ok(!['pending', 'replaced', 'removed'].includes(state), state);
              assert.equal(removal, undefined);
            }
          }
          // The removed files are deleted, and later uploads are kept.
          const left = await Array.fromAsync(store.list('images/'), ({ key }) => key);
          assert.deepEqual(left, [...uploads].sort());
          // A catalog that is made again from the store gives the same result.
          const before = await Promise.all(KEYS.map((key) => projection(store, key)));
          await store.remove('catalog/catalog.json');
          await store.remove('catalog/catalog.json.previous');
          await update(testContext(store));
          assert.deepEqual(await Promise.all(KEYS.map((key) => projection(store, key))), before);
          assert.deepEqual((await readAsClient(store)).items, items);
        },
      ),
      { numRuns: 300 },
    );
  });
});
