import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';

import {
  beforeEnd,
  BodyTooLargeError,
  borrowed,
  eachChunk,
  hashed,
  lend,
  noting,
  opening,
  owned,
  peek,
  wholeBody,
  type BorrowedChunks,
} from '../../../src/bytes/borrowed-chunks.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';

const WORDS = ['one ', 'two ', 'three'];
const TEXT = WORDS.join('');

/**
 * The words, one after the other in the same memory. `closed` is called when a reader finishes or
 * gives up.
 */
function words(closed: () => void = () => undefined): BorrowedChunks {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const memory = Buffer.alloc(8);
    try {
      for (const word of WORDS) {
        await Promise.resolve();
        yield memory.subarray(0, memory.write(word));
        memory.fill('.');
      }
    } finally {
      closed();
    }
  }
  return borrowed(chunks());
}

/** This value does not exist: only the compiler reads its type. */
declare const store: ObjectStore;

async function textOf(body: BorrowedChunks): Promise<string> {
  return (await wholeBody(body, 100)).toString();
}

describe('borrowed chunks', () => {
  it('are kept only as copies', async () => {
    assert.equal(await textOf(words()), TEXT);
    assert.equal(Buffer.concat(await Array.fromAsync(owned(words()))).toString(), TEXT);
    await assert.rejects(wholeBody(words(), 5), BodyTooLargeError);
  });

  // The compiler runs this test: it reports an expected error that does not occur.
  it('are no argument for functions that would keep them', () => {
    const refused = [
      // @ts-expect-error -- Array.fromAsync would keep the chunks
      () => Array.fromAsync(words()),
      // @ts-expect-error -- Buffer.concat would join chunks that are no longer valid
      () => Buffer.concat(words()),
      // @ts-expect-error -- an array of owned chunks does not accept them
      (chunks: Uint8Array[]) => chunks.push(words()),
      async () => {
        // @ts-expect-error -- a loop may keep its chunks
        // eslint-disable-next-line @typescript-eslint/await-thenable -- that is the point
        for await (const chunk of words()) assert(chunk);
      },
      // @ts-expect-error -- a reader of owned chunks may keep them
      (keep: (chunks: AsyncIterable<Uint8Array>) => void) => keep(words()),
      // @ts-expect-error -- even a lent iterator is not iterable
      () => Array.fromAsync(lend(words())),
    ];
    const taken = [() => store.upload('key', words()), () => Array.fromAsync(owned(words()))];
    assert.equal(refused.length + taken.length, 8);
  });

  it('are passed on with a hash', async () => {
    const hash = createHash('sha256');
    assert.equal(await textOf(hashed(words(), hash)), TEXT);
    assert.equal(hash.digest('hex'), createHash('sha256').update(TEXT).digest('hex'));
  });

  it('end with the error of a check before their end', async () => {
    const faults: unknown[] = [];
    const wrong = new Error('wrong');
    let seen = '';
    const body = beforeEnd(words(), () => Promise.reject(wrong));
    const reading = eachChunk(noting(body, faults), (chunk) => (seen += String(chunk)));
    await assert.rejects(reading, wrong);
    assert.deepEqual(faults, [wrong]);
    assert.equal(seen, TEXT);
  });

  it('show their beginning and are still complete', async () => {
    for (const length of [0, 1, 4, 5, 100]) {
      const { head, body } = await peek(words(), length);
      assert(head.length >= Math.min(length, TEXT.length));
      assert(TEXT.startsWith(head.toString()));
      assert.equal(await textOf(body), TEXT);
    }
  });

  it('are closed by a reader that gives up, even before it reads on', async () => {
    let closed = 0;
    const { body } = await peek(
      words(() => (closed += 1)),
      1,
    );
    await lend(body).return?.();
    assert.equal(closed, 1);
  });

  it('are opened at the first read, and closed afterwards', async () => {
    const events: string[] = [];
    const body = opening(() => {
      events.push('opened');
      return Promise.resolve({ body: words(), close: () => void events.push('closed') });
    });
    assert.deepEqual(events, []);
    const reader = lend(body);
    await reader.next();
    assert.deepEqual(events, ['opened']);
    await reader.return?.();
    assert.deepEqual(events, ['opened', 'closed']);
  });
});
