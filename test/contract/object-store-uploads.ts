import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { StoreError } from '../../src/storage/errors.ts';
import type { ETag } from '../../src/storage/object-store.ts';
import {
  bytes,
  chunked,
  collect,
  pattern,
  rejectsWith,
  sha256,
} from '../support/stores/objects.ts';
import type { ContractScope } from './object-store.ts';

const MIB = 1024 * 1024;

/** Contract of uploaded streams, server-side copies and keys. */
export function uploadContract({ subject, prefix }: ContractScope): void {
  describe('upload', () => {
    for (const size of [0, 1, 5 * MIB, 5 * MIB + 1, 16 * MIB, 16 * MIB + 1, 53 * MIB + 7]) {
      it(`stores ${size} bytes and reports the progress`, async () => {
        const { store } = subject();
        const key = `${prefix()}sized`;
        const content = pattern(size);
        const progress: number[] = [];
        const written = await store.upload(key, chunked(content), {
          onProgress: (done) => progress.push(done),
        });
        assert.equal(written.size, size);
        const body = await store.read(key, { ifMatch: written.etag });
        assert.equal(body.info.size, size);
        assert.equal(await sha256(body.stream), await sha256(Readable.from([content])));
        assert.deepEqual(
          progress,
          progress.toSorted((a, b) => a - b),
        );
        if (size > 0) assert.equal(progress.at(-1), size);
      });
    }

    it('takes chunks that all share one memory', async () => {
      const { store } = subject();
      const content = pattern(37 * MIB + 5);
      async function* inTurn(): AsyncGenerator<Uint8Array> {
        const memory = Buffer.alloc(MIB);
        for (let at = 0; at < content.length; at += MIB) {
          yield memory.subarray(0, content.copy(memory, 0, at, at + MIB));
          memory.fill(0xff);
          await Promise.resolve();
        }
      }
      const { key } = await store.upload(`${prefix()}in-turn`, inTurn());
      const { stream } = await store.read(key);
      assert.equal(await sha256(stream), await sha256(Readable.from([content])));
    });

    it('leaves nothing when the source fails, early or late', async () => {
      const { store, unfinished } = subject();
      const at = prefix();
      for (const size of [10, 40 * MIB]) {
        const broken = Readable.from(breaking(size, new Error('the pipe burst')));
        await rejectsWith('unavailable', store.upload(`${at}broken-${size}`, broken));
        assert.equal(await store.stat(`${at}broken-${size}`), undefined);
      }
      const lost = new StoreError('precondition_failed', 'read', 'the source changed');
      await assert.rejects(
        store.upload(`${at}lost`, breaking(40 * MIB, lost)),
        (error) => error === lost,
      );
      assert.deepEqual(await collect(store.list(at)), []);
      assert.equal(await unfinished(), 0);
    });

    it('leaves the old object when a replacement fails', async () => {
      const { store } = subject();
      const key = `${prefix()}kept`;
      const kept = await store.write(key, Buffer.from('kept'));
      await rejectsWith('unavailable', store.upload(key, breaking(20 * MIB, new Error('gone'))));
      assert.equal((await store.stat(key))?.etag, kept.etag);
    });

    it('leaves nothing when it is cancelled', async () => {
      const { store, unfinished } = subject();
      const key = `${prefix()}cancelled`;
      const controller = new AbortController();
      const { signal } = controller;
      async function* endless() {
        for (let sent = 0; ; sent += MIB) {
          if (sent === 40 * MIB) controller.abort();
          yield Buffer.alloc(MIB);
          await new Promise(setImmediate);
        }
      }
      await rejectsWith('unavailable', store.upload(key, endless(), { signal }));
      await rejectsWith('unavailable', store.upload(key, chunked(pattern(9)), { signal }));
      assert.equal(await store.stat(key), undefined);
      assert.equal(await unfinished(), 0);
    });

    it('cancels although the source stays silent', async () => {
      const { store, unfinished } = subject();
      const key = `${prefix()}silent`;
      const controller = new AbortController();
      async function* silent() {
        yield pattern(20 * MIB);
        setImmediate(() => controller.abort());
        await new Promise(() => undefined);
      }
      const { signal } = controller;
      await rejectsWith('unavailable', store.upload(key, Readable.from(silent()), { signal }));
      assert.equal(await store.stat(key), undefined);
      assert.equal(await unfinished(), 0);
    });

    it('shows nothing before all bytes are stored', async () => {
      const { store, rival } = subject();
      const at = prefix();
      let seenMidway: unknown = 'not looked';
      async function* watched() {
        yield pattern(40 * MIB);
        seenMidway = [await rival.stat(`${at}whole`), await collect(rival.list(at))];
        yield pattern(1);
      }
      await store.upload(`${at}whole`, watched());
      assert.deepEqual(seenMidway, [undefined, []]);
      assert.equal((await rival.stat(`${at}whole`))?.size, 40 * MIB + 1);
    });
  });

  describe('copy', () => {
    it('copies one state of an object, and no other', async () => {
      const { store } = subject();
      const at = prefix();
      const content = pattern(6 * MIB);
      const key = `${at}20180716_12:00/from`;
      const { etag, size } = await store.write(key, content);
      const copied = await store.copy({ store, key, etag, size }, `${at}to`);
      assert.equal(copied.size, size);
      const body = await store.read(`${at}to`, { ifMatch: copied.etag });
      assert((await bytes(body.stream)).equals(content));
      await store.write(key, Buffer.from('changed'));
      const stale = store.copy({ store, key, etag, size }, `${at}stale`);
      await rejectsWith('precondition_failed', stale);
      await store.remove(key);
      await rejectsWith('not_found', store.copy({ store, key, etag, size }, `${at}stale`));
      assert.equal(await store.stat(`${at}stale`), undefined);
    });

    it('obeys conditions on the target', async () => {
      const { store, rival } = subject();
      const at = prefix();
      for (const size of [0, 9]) {
        const { etag } = await store.write(`${at}from`, pattern(size));
        const source = { store, key: `${at}from`, etag, size };
        const target = `${at}to-${size}`;
        const made = await rival.copy(source, target, { condition: { ifAbsent: true } });
        assert.equal(made.size, size);
        const again = rival.copy(source, target, { condition: { ifAbsent: true } });
        await rejectsWith('precondition_failed', again);
        const other = await store.write(target, Buffer.from('other'));
        const stale = store.copy(source, target, { condition: { ifMatch: made.etag } });
        await rejectsWith('precondition_failed', stale);
        await store.copy(source, target, { condition: { ifMatch: other.etag } });
        assert.equal((await store.stat(target))?.size, size);
        const absent = store.copy(source, `${at}none`, { condition: { ifMatch: etag } });
        await rejectsWith('not_found', absent);
      }
    });

    it('rejects a source that it cannot reach as unsupported', async () => {
      const { store } = subject();
      const at = prefix();
      const { etag } = await store.write(`${at}from`, Buffer.from('x'));
      const foreign = { ...store, url: 'elsewhere:' };
      const source = { store: foreign, key: `${at}from`, etag, size: 1 };
      await rejectsWith('unsupported', store.copy(source, `${at}to`));
    });
  });

  describe('keys', () => {
    it('that cannot be stored are rejected', async () => {
      const { store } = subject();
      const at = prefix();
      const bad = [
        '',
        '/a',
        'a//b',
        'a/',
        'a/../b',
        './a',
        '..',
        'a\0b',
        `${at}${'k'.repeat(1025)}`,
        '\ud800',
      ];
      for (const key of bad) {
        await rejectsWith('invalid_key', store.write(key, Buffer.from('x')), JSON.stringify(key));
        await rejectsWith(
          'invalid_key',
          store.upload(key, chunked(pattern(1))),
          JSON.stringify(key),
        );
      }
    });

    it('of any other characters are listed as they were written', async () => {
      const { store } = subject();
      const at = prefix();
      const names = [
        '20180716_12:00',
        'a+b',
        'a b',
        'a%41',
        'a%2Fb',
        'q?x=1',
        'h#x',
        'é',
        '\u{1f600}',
        '&<>"\'',
        '*',
        '~',
        'b\\c',
        'tab\there',
      ];
      const written = new Map<string, ETag>();
      for (const name of names)
        written.set(at + name, (await store.write(at + name, Buffer.from(name))).etag);
      const listed = await collect(store.list(at));
      assert.deepEqual(
        new Map(listed.map(({ key, etag }) => [key, etag])),
        new Map([...written].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))),
      );
      for (const name of names) {
        assert.equal((await bytes((await store.read(at + name)).stream)).toString(), name);
        await store.remove(at + name, { ifMatch: written.get(at + name)! });
      }
      assert.deepEqual(await collect(store.list(at)), []);
    });
  });
}

async function* breaking(size: number, error: Error): AsyncGenerator<Uint8Array> {
  yield* chunked(pattern(size));
  await Promise.resolve();
  throw error;
}
