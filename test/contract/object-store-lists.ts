import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { collect, inParallel } from '../support/stores/objects.ts';
import type { ContractScope } from './object-store.ts';

async function keys(store: ObjectStore, prefix: string, startAfter?: string): Promise<string[]> {
  const options = startAfter === undefined ? {} : { startAfter };
  const found: string[] = [];
  for await (const { key } of store.list(prefix, options)) found.push(key);
  return found;
}

function byBytes(list: readonly string[]): string[] {
  return [...list].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Contract of `list`. */
export function listContract({ subject, prefix }: ContractScope): void {
  describe('list', () => {
    it('gives the same ETag, size and time as stat', async () => {
      const { store } = subject();
      const at = prefix();
      await store.write(`${at}one`, Buffer.from('1'));
      await store.write(`${at}two`, Buffer.from('22'));
      const listed = await collect(store.list(at));
      assert.deepEqual(
        listed.map(({ key, size }) => [key, size]),
        [
          [`${at}one`, 1],
          [`${at}two`, 2],
        ],
      );
      for (const info of listed) {
        const seen = await store.stat(info.key);
        assert.equal(seen?.etag, info.etag);
        // HTTP's dates have a resolution of one second.
        assert(Math.abs(seen.lastModified - info.lastModified) <= 1000);
      }
    });

    it("is in the order of the keys' bytes, wherever the slashes are", async () => {
      const { store } = subject();
      const at = prefix();
      const names = [
        'a-b/x',
        'a/x',
        'a.b',
        'a0',
        'a/x.y/z',
        'a/x-y',
        'a/x0',
        'B',
        'b',
        'b:c/d',
        'é/1',
        '\u{ff21}',
        '\u{1f600}',
        'z',
      ];
      const all = byBytes(names.map((name) => at + name));
      await inParallel(all, 4, (key) => store.write(key, Buffer.from(key)));
      assert.deepEqual(await keys(store, at), all);
      for (const startAfter of [...all, `${at}a`, `${at}a/`, `${at}a0/`, `${at}zz`, 'a', 'zzz']) {
        const rest = all.filter(
          (key) => byBytes([key, startAfter])[0] === startAfter && key !== startAfter,
        );
        assert.deepEqual(await keys(store, at, startAfter), rest, `after ${startAfter}`);
      }
    });

    it('takes any text as a prefix', async () => {
      const { store } = subject();
      const at = prefix();
      const all = byBytes(['ab/c', 'ab/d/e', 'abc', 'b/20180716_12:00/f'].map((name) => at + name));
      for (const key of all) await store.write(key, Buffer.from('x'));
      for (const part of [
        '',
        'a',
        'ab',
        'ab/',
        'ab/d',
        'ab/d/',
        'ab/d/e',
        'ab/d/e/',
        'abc',
        'b/20180716_12:',
        'c',
        'c/',
        'c/d',
        'ab//',
        '/',
      ]) {
        const wanted = all.filter((key) => key.startsWith(at + part));
        assert.deepEqual(await keys(store, at + part), wanted, `prefix ${part}`);
      }
      const everywhere = await keys(store, '');
      assert(all.every((key) => everywhere.includes(key)));
    });

    it('lists more than a thousand keys, in order, and can be ended early', async () => {
      const { store } = subject();
      const at = prefix();
      const all = Array.from(
        { length: 2100 },
        (_, index) => `${at}${index % 3}/${String(index).padStart(5, '0')}`,
      );
      await inParallel(all, 16, (key) => store.write(key, Buffer.from('x')));
      const sorted = byBytes(all);
      assert.deepEqual(await keys(store, at), sorted);
      assert.deepEqual(await keys(store, at, sorted[1049]), sorted.slice(1050));
      let seen = 0;
      for await (const { size } of store.list(at)) {
        seen += size;
        if (seen === 3) break;
      }
      assert.equal(seen, 3);
    });
  });
}
