import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { isStoreError } from '../../src/storage/errors.ts';
import type {
  ETag,
  ObjectInfo,
  ObjectStore,
  WriteCondition,
} from '../../src/storage/object-store.ts';
import { bytes, chunked, inParallel, pattern, rejectsWith } from '../support/stores/objects.ts';
import type { ContractScope } from './object-store.ts';

const WRITERS = 20;
const ROUNDS = 5;
/**
 * Longer than one part of a multipart upload, for every part size of the adapters (at most 16 MiB).
 */
const MULTIPART = 17 * 1024 * 1024;

/** Conditional writes, alone and in races. */
export function conditionContract({ subject, prefix }: ContractScope): void {
  describe('conditional writes', () => {
    it('create only what is absent', async () => {
      const { store } = subject();
      const key = `${prefix()}created`;
      const first = await store.write(key, Buffer.from('first'), { condition: { ifAbsent: true } });
      const again = store.write(key, Buffer.from('again'), { condition: { ifAbsent: true } });
      await rejectsWith('precondition_failed', again);
      assert.equal((await store.stat(key))?.etag, first.etag);
    });

    it('replace only the state that is named', async () => {
      const { store } = subject();
      const key = `${prefix()}replaced`;
      const one = await store.write(key, Buffer.from('one'));
      const two = await store.write(key, Buffer.from('two'), { condition: { ifMatch: one.etag } });
      const stale = store.write(key, Buffer.from('three'), { condition: { ifMatch: one.etag } });
      await rejectsWith('precondition_failed', stale);
      assert.equal((await store.stat(key))?.etag, two.etag);
    });

    it('reject with not_found for a state of an absent object, and write nothing', async () => {
      const { store } = subject();
      const at = prefix();
      const { etag } = await store.write(`${at}gone`, Buffer.from('gone'));
      await store.remove(`${at}gone`);
      const condition = { ifMatch: etag };
      for (const key of [`${at}gone`, `${at}never/there`]) {
        await rejectsWith('not_found', store.write(key, Buffer.from('back'), { condition }));
        await rejectsWith('not_found', store.upload(key, chunked(pattern(9)), { condition }));
        await rejectsWith(
          'not_found',
          store.upload(key, chunked(pattern(MULTIPART)), { condition }),
        );
        assert.equal(await store.stat(key), undefined);
      }
    });

    it('also apply to large uploads', async () => {
      const { store } = subject();
      const key = `${prefix()}large`;
      const upload = (fill: string, condition: WriteCondition) =>
        store.upload(key, chunked(Buffer.alloc(MULTIPART, fill)), { condition });
      const one = await upload('1', { ifAbsent: true });
      await rejectsWith('precondition_failed', upload('2', { ifAbsent: true }));
      const three = await upload('3', { ifMatch: one.etag });
      await rejectsWith('precondition_failed', upload('4', { ifMatch: one.etag }));
      assert.equal((await store.stat(key))?.etag, three.etag);
      const range = { start: MULTIPART - 1, end: MULTIPART };
      assert.equal((await bytes((await store.read(key, { range })).stream)).toString(), '3');
    });

    it(`let one of ${WRITERS} creators succeed, each time`, async () => {
      const { store, rival } = subject();
      const at = prefix();
      for (let round = 0; round < ROUNDS; round += 1) {
        const key = `${at}create-${round}`;
        await race([store, rival], key, () => ({ ifAbsent: true }));
      }
    });

    it(`let one of ${WRITERS} replacers succeed, each time`, async () => {
      const { store, rival } = subject();
      const key = `${prefix()}replace`;
      let { etag } = await store.write(key, Buffer.from('start'));
      for (let round = 0; round < ROUNDS; round += 1) {
        const pinned: ETag = etag;
        etag = (await race([store, rival], key, () => ({ ifMatch: pinned }))).etag;
      }
    });

    it('lose no increment of a counter that many clients compare and swap', async () => {
      const { store, rival } = subject();
      const key = `${prefix()}counter`;
      await store.write(key, Buffer.from('0'));
      const clients = Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? store : rival));
      await inParallel(clients, clients.length, async (client) => {
        for (let count = 0; count < 4; count += 1) await increment(client, key);
      });
      const final = await bytes((await store.read(key)).stream);
      assert.equal(final.toString(), '24');
    });
  });
}

async function increment(store: ObjectStore, key: string): Promise<void> {
  for (;;) {
    try {
      const { info, stream } = await store.read(key);
      const value = Number((await bytes(stream)).toString()) + 1;
      await store.write(key, Buffer.from(String(value)), { condition: { ifMatch: info.etag } });
      return;
    } catch (error) {
      // An unpinned read may overlap a replacement; a conditional write may be overtaken by
      // another.
      if (!isStoreError(error, 'precondition_failed', 'conflict', 'unavailable')) throw error;
    }
  }
}

/** Many writers at once under one condition: exactly one succeeds, and its bytes are stored. */
async function race(
  stores: readonly ObjectStore[],
  key: string,
  condition: () => WriteCondition,
): Promise<ObjectInfo> {
  // The bytes differ each time: on S3 equal bytes have equal ETags, so an old state could return.
  const id = randomUUID();
  const text = (writer: number) => `${id} writer ${writer}`;
  const tries = await Promise.allSettled(
    Array.from({ length: WRITERS }, (_, writer) =>
      stores[writer % stores.length]!.write(key, Buffer.from(text(writer)), {
        condition: condition(),
      }),
    ),
  );
  const wins = tries.flatMap((result, writer) =>
    result.status === 'fulfilled' ? [{ writer, info: result.value }] : [],
  );
  for (const result of tries) {
    if (result.status === 'fulfilled') continue;
    assert(isStoreError(result.reason, 'precondition_failed', 'conflict'), String(result.reason));
  }
  assert.equal(wins.length, 1, `${wins.length} writers won`);
  const { writer, info } = wins[0]!;
  const body = await stores[0]!.read(key, { ifMatch: info.etag });
  assert.equal((await bytes(body.stream)).toString(), text(writer));
  return info;
}
