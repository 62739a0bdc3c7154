import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { countRequests } from '../../bench/request-counts.ts';
import type { S3StoreOptions } from '../../src/storage/s3/store.ts';
import { makeBucket, storeOptions } from '../support/services/bucket.ts';
import { startMinio } from '../support/services/minio.ts';

const DOCUMENT = join(import.meta.dirname, '../../docs/performance.md');

const resources = new AsyncDisposableStack();
let place: S3StoreOptions;
let documented: ReadonlyMap<string, readonly number[]>;

before(async () => {
  const minio = await startMinio();
  resources.defer(() => minio.stop());
  await makeBucket(minio, 'requests');
  place = storeOptions(minio, 'requests');
  const rows = (await readFile(DOCUMENT, 'utf8')).matchAll(
    /^\| `([A-Z]\w+)` +\| +(\d+) \| +(\d+) \| +[\d.]+ \|$/gm,
  );
  documented = new Map([...rows].map(([, name = '', ...cells]) => [name, cells.map(Number)]));
});
after(() => resources.disposeAsync());

/** A column of the table in the document. */
const column = (at: number) =>
  Object.fromEntries([...documented].map(([name, cells]) => [name, cells[at]]));

describe('the requests that docs/performance.md counts', () => {
  it('match for one version', async () => {
    assert.deepEqual(await countRequests(place, { versions: 1 }), column(0));
  });

  it('do not increase for a large root or with many other versions', async () => {
    assert.deepEqual(await countRequests(place, { versions: 1, rootSize: 40_000_000 }), column(0));
    assert.deepEqual(await countRequests(place, { versions: 1, before: 200 }), column(0));
  });

  it('match for a hundred versions that are committed together', async () => {
    assert.deepEqual(await countRequests(place, { versions: 100 }), column(1));
  });
});
