import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isStoreError } from '../../src/storage/errors.ts';
import type { ETag } from '../../src/storage/object-store.ts';
import { bytes, collect, pattern, rejectsWith } from '../support/stores/objects.ts';
import type { ContractScope } from './object-store.ts';

const CLOCK_TOLERANCE_MS = 60_000;

/** Contract of `stat`, `read` and `remove` for single objects. */
export function readContract({ subject, prefix }: ContractScope): void {
  describe('stat and read', () => {
    it('return what was written', async () => {
      const { store, rival } = subject();
      const key = `${prefix()}images/a/b/20180716_12:00/lxd.tar.xz`;
      const written = await store.write(key, Buffer.from('hello'));
      const seen = await rival.stat(key);
      assert(seen !== undefined);
      assert.equal(seen.key, key);
      assert.equal(seen.size, 5);
      assert.equal(seen.etag, written.etag);
      assert.doesNotMatch(seen.etag, /"/);
      assert(Math.abs(seen.lastModified - Date.now()) < CLOCK_TOLERANCE_MS);
      assert(Math.abs(written.lastModified - Date.now()) < CLOCK_TOLERANCE_MS);
      const body = await rival.read(key);
      assert.equal(body.info.etag, written.etag);
      assert.equal(body.info.size, 5);
      assert.equal((await bytes(body.stream)).toString(), 'hello');
    });

    it('report absence: stat by a value, read by not_found', async () => {
      const { store } = subject();
      const at = prefix();
      await store.write(`${at}file`, Buffer.from('x'));
      for (const key of [`${at}none`, `${at}no/such/folder`, `${at}file/below`, at.slice(0, -1)]) {
        assert.equal(await store.stat(key), undefined, key);
        await rejectsWith('not_found', store.read(key));
      }
    });

    it('distinguish denied access from absence, for existing and absent keys', async () => {
      const { store, denied } = subject();
      const at = prefix();
      await store.write(`${at}there`, Buffer.from('x'));
      await denied(async (refused) => {
        for (const key of [`${at}there`, `${at}none`]) {
          await rejectsWith('access_denied', refused.stat(key));
          await rejectsWith('access_denied', refused.read(key));
        }
        await rejectsWith('access_denied', collect(refused.list(at)));
        await rejectsWith('access_denied', collect(refused.list(`${at}none/`)));
        await rejectsWith('access_denied', refused.write(`${at}new`, Buffer.from('x')));
        await rejectsWith('access_denied', refused.remove(`${at}there`));
      });
      assert.equal((await store.stat(`${at}there`))?.size, 1);
      assert.equal(await store.stat(`${at}new`), undefined);
    });

    it('return ranges, cut at the end of the object', async () => {
      const { store } = subject();
      const key = `${prefix()}ranged`;
      const content = pattern(3_000_000);
      const { etag } = await store.write(key, content);
      const ranges: [number, number][] = [
        [0, 1],
        [0, 3_000_000],
        [1_048_575, 1_048_577],
        [2_999_999, 9_000_000],
        [0, 9_000_000],
        [3_000_000, 3_000_001],
        [5_000_000, 6_000_000],
        [7, 7],
      ];
      for (const [start, end] of ranges) {
        const body = await store.read(key, { range: { start, end }, ifMatch: etag });
        assert.equal(body.info.size, content.length, `size of the object, range ${start}-${end}`);
        assert.equal(body.info.etag, etag);
        const got = await bytes(body.stream);
        assert(got.equals(content.subarray(start, end)), `range ${start}-${end}: ${got.length}`);
      }
    });

    it('return empty objects, whole and by range', async () => {
      const { store } = subject();
      const key = `${prefix()}empty`;
      const { etag, size } = await store.write(key, new Uint8Array(0));
      assert.equal(size, 0);
      assert.equal((await store.stat(key))?.size, 0);
      assert.equal((await bytes((await store.read(key)).stream)).length, 0);
      const ranged = await store.read(key, { range: { start: 0, end: 100 }, ifMatch: etag });
      assert.equal(ranged.info.etag, etag);
      assert.equal(ranged.info.size, 0);
      assert.equal((await bytes(ranged.stream)).length, 0);
      const other = 'other' as ETag;
      const stale = store.read(key, { range: { start: 0, end: 9 }, ifMatch: other });
      await rejectsWith('precondition_failed', stale);
      const absent = store.read(`${key}-none`, { range: { start: 0, end: 9 } });
      await rejectsWith('not_found', absent);
    });

    it('reject a pinned read of another state', async () => {
      const { store } = subject();
      const key = `${prefix()}pinned`;
      const first = await store.write(key, Buffer.from('first'));
      const second = await store.write(key, Buffer.from('other'));
      assert.notEqual(first.etag, second.etag);
      await rejectsWith('precondition_failed', store.read(key, { ifMatch: first.etag }));
      const range = { start: 1, end: 3 };
      await rejectsWith('precondition_failed', store.read(key, { ifMatch: first.etag, range }));
      await rejectsWith(
        'precondition_failed',
        store.read(key, { ifMatch: first.etag, range: { start: 9, end: 10 } }),
      );
      assert.equal(
        (await bytes((await store.read(key, { ifMatch: second.etag })).stream)).toString(),
        'other',
      );
    });

    it('never mix two states when the object is replaced during a read', async () => {
      const { store, rival } = subject();
      const key = `${prefix()}replaced`;
      const old = Buffer.alloc(12_000_000, 'o');
      const { etag } = await store.write(key, old);
      const body = await store.read(key, { ifMatch: etag });
      const iterator = body.stream.iterator();
      const { value: first } = (await iterator.next()) as IteratorResult<Buffer, undefined>;
      // This is not awaited yet: some servers make a writer wait for the readers.
      const writing = rival.write(key, Buffer.alloc(12_000_000, 'n'));
      const rest = collect<Buffer>(iterator).then((chunks) =>
        Buffer.concat([first ?? Buffer.alloc(0), ...chunks]),
      );
      const outcome = await rest.catch((error: unknown) => error);
      await writing;
      if (Buffer.isBuffer(outcome)) assert(outcome.equals(old));
      else assert(isStoreError(outcome, 'precondition_failed'), String(outcome));
      await rejectsWith('precondition_failed', store.read(key, { ifMatch: etag }));
    });

    it('end a cancelled read with an error', async () => {
      const { store } = subject();
      const key = `${prefix()}cancelled`;
      await store.write(key, Buffer.alloc(12_000_000, 'c'));
      const controller = new AbortController();
      const body = await store.read(key, { signal: controller.signal });
      const reading = (async () => {
        for await (const chunk of body.stream) {
          assert(chunk instanceof Uint8Array);
          controller.abort();
        }
      })();
      await rejectsWith('unavailable', reading);
    });
  });

  describe('remove', () => {
    it('removes an object, and does nothing for an absent one', async () => {
      const { store } = subject();
      const at = prefix();
      await store.write(`${at}deep/folder/gone`, Buffer.from('x'));
      await store.remove(`${at}deep/folder/gone`);
      assert.equal(await store.stat(`${at}deep/folder/gone`), undefined);
      assert.deepEqual(await collect(store.list(at)), []);
      await store.remove(`${at}deep/folder/gone`);
      await store.remove(`${at}never/there`);
      await store.write(`${at}deep/folder/gone`, Buffer.from('again'));
      assert.equal((await store.stat(`${at}deep/folder/gone`))?.size, 5);
    });

    it('removes only the state that is named', async () => {
      const { store } = subject();
      const key = `${prefix()}conditional`;
      const old = await store.write(key, Buffer.from('old'));
      const now = await store.write(key, Buffer.from('new'));
      await rejectsWith('precondition_failed', store.remove(key, { ifMatch: old.etag }));
      assert.equal((await store.stat(key))?.etag, now.etag);
      await store.remove(key, { ifMatch: now.etag });
      assert.equal(await store.stat(key), undefined);
      await rejectsWith('not_found', store.remove(key, { ifMatch: now.etag }));
      await rejectsWith('not_found', store.remove(`${key}/below`, { ifMatch: now.etag }));
    });
  });
}
