import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { StoreError } from '../../../../src/storage/errors.ts';
import { resumingBody, type BodyOptions } from '../../../../src/storage/s3/resuming-body.ts';
import { bytes, pattern, rejectsWith } from '../../../support/stores/objects.ts';

/** More than a body buffers for a slow reader. */
const CONTENT = pattern(1_500_000);
const LIMITS = { attempts: 3, pauseMs: 0, stallMs: 600_000 };
const CONTEXT = { operation: 'read', url: 's3://bucket', key: 'key' } as const;

/** How a connection ends after some bytes. */
type Ending = 'error' | 'close' | 'early end' | 'silence' | 'whole';

/**
 * A server whose connections end as planned, one after the other. Later connections are complete.
 */
class Server {
  readonly sources: Readable[] = [];
  readonly offsets: number[] = [];
  readonly #plan: { readonly after: number; readonly how: Ending }[];

  constructor(plan: readonly { readonly after: number; readonly how: Ending }[]) {
    this.#plan = [...plan];
  }

  open(offset: number): Readable {
    const { after, how } = this.#plan.shift() ?? { after: Infinity, how: 'whole' };
    const end = how === 'whole' ? CONTENT.length : Math.min(offset + after, CONTENT.length);
    let at = offset;
    const source = new Readable({
      highWaterMark: 10_000,
      read() {
        if (at < end) {
          const next = Math.min(at + 7_001, end);
          this.push(CONTENT.subarray(at, next));
          at = next;
        } else if (how === 'error') this.destroy(new Error('broken'));
        else if (how === 'close') this.destroy();
        else if (how !== 'silence') this.push(null);
      },
    });
    this.offsets.push(offset);
    this.sources.push(source);
    return source;
  }

  body(options: Partial<BodyOptions> = {}): Readable {
    return resumingBody({
      first: this.open(0),
      length: CONTENT.length,
      reopen: (offset) => Promise.resolve(this.open(offset)),
      limits: LIMITS,
      context: CONTEXT,
      ...options,
    });
  }

  assertNothingLeft(): void {
    for (const source of this.sources) assert(source.destroyed);
  }
}

describe('the body of an S3 object', () => {
  it('has each byte once, wherever its connections break', async () => {
    const ending = fc.constantFrom<Ending>('error', 'close', 'early end');
    const plans = fc.array(fc.record({ after: fc.integer({ min: 1, max: 90_000 }), how: ending }), {
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const server = new Server(plan);
        assert((await bytes(server.body())).equals(CONTENT));
        server.assertNothingLeft();
      }),
      { numRuns: 50 },
    );
  });

  it('continues at its position, once for each break', async () => {
    const server = new Server([
      { after: 150_000, how: 'error' },
      { after: 49_999, how: 'close' },
    ]);
    assert((await bytes(server.body())).equals(CONTENT));
    assert.equal(server.offsets.length, 3);
    const [first, second = NaN, third = NaN] = server.offsets;
    assert.equal(first, 0);
    // Bytes in the buffer of a broken connection are lost.
    assert(second > 130_000 && second <= 150_000, String(second));
    assert(third > second && third < CONTENT.length, String(third));
  });

  it('continues after a connection became silent', async () => {
    const server = new Server([{ after: 70_000, how: 'silence' }]);
    const body = server.body({ limits: { ...LIMITS, stallMs: 20 } });
    assert((await bytes(body)).equals(CONTENT));
    assert.deepEqual(server.offsets, [0, 70_000]);
    server.assertNothingLeft();
  });

  it('waits for a slow reader', async () => {
    const stallMs = 100;
    const body = new Server([]).body({ limits: { ...LIMITS, attempts: 0, stallMs } });
    const got: Buffer[] = [];
    for await (const chunk of body) {
      got.push(chunk as Buffer);
      // When its buffer for the reader is full, it does not wait for its source.
      if (got.length === 1) await delay(2 * stallMs);
    }
    assert(Buffer.concat(got).equals(CONTENT));
  });

  it('gives up when no attempt gets a byte further', async () => {
    const none = { after: 0, how: 'error' } as const;
    const server = new Server([{ after: 70_000, how: 'error' }, none, none, none]);
    const error = await bytes(server.body()).catch((reason: unknown) => reason);
    assert(error instanceof StoreError);
    assert.equal(error.code, 'unavailable');
    assert.match(error.message, /after \d+ of 1500000 bytes, and 3 tries/);
    assert(error.cause instanceof Error);
    assert.equal(server.sources.length, 4);
    server.assertNothingLeft();
  });

  it('retries when the store cannot be reached, and only then', async () => {
    for (const code of ['unavailable', 'precondition_failed', 'access_denied'] as const) {
      const server = new Server([{ after: 70_000, how: 'error' }]);
      let tries = 0;
      const body = server.body({
        reopen: (offset) => {
          tries += 1;
          if (tries === 3) return Promise.resolve(server.open(offset));
          return Promise.reject(new StoreError(code, 'read', 'no'));
        },
      });
      if (code === 'unavailable') assert((await bytes(body)).equals(CONTENT));
      else await rejectsWith(code, bytes(body));
      assert.equal(tries, code === 'unavailable' ? 3 : 1);
      server.assertNothingLeft();
    }
  });

  it('takes no more bytes than the length', async () => {
    const server = new Server([]);
    await rejectsWith('unavailable', bytes(server.body({ length: 100_000 })));
    server.assertNothingLeft();
  });

  it('may be empty', async () => {
    const body = new Server([]).body({ first: Readable.from([]), length: 0 });
    assert.equal((await bytes(body)).length, 0);
  });

  it('does not continue for a reader that stopped', async () => {
    const server = new Server([{ after: 70_000, how: 'error' }]);
    const body = server.body();
    for await (const chunk of body) {
      assert(chunk instanceof Uint8Array);
      break;
    }
    assert(body.destroyed);
    server.assertNothingLeft();
  });

  it('can be cancelled while it is read, while it pauses and while it is opened again', async () => {
    const cancelled = async (how: Ending, options: (abort: () => void) => Partial<BodyOptions>) => {
      const server = new Server([{ after: 70_000, how }]);
      const controller = new AbortController();
      const { signal } = controller;
      const body = server.body({ signal, ...options(() => controller.abort()) });
      body.once('data', () => {
        if (how !== 'error') controller.abort();
      });
      await rejectsWith('unavailable', bytes(body));
      assert.equal(getEventListeners(signal, 'abort').length, 0);
      return server;
    };
    (await cancelled('silence', () => ({}))).assertNothingLeft();
    const pausing = await cancelled('error', (abort) => {
      setTimeout(abort, 20);
      return { limits: { ...LIMITS, pauseMs: 600_000 } };
    });
    assert.equal(pausing.sources.length, 1);
    let late: Readable | undefined;
    await cancelled('error', (abort) => ({
      reopen: async (_, gone) => {
        setImmediate(abort);
        await once(gone, 'abort');
        return (late = new Readable({ read: () => undefined }));
      },
    }));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(late?.destroyed, true);
  });
});
