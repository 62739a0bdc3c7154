import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import fc from 'fast-check';

import { gatheredBody } from '../../../src/bytes/gathered-body.ts';

const MIB = 1024 * 1024;

describe('gatheredBody', () => {
  it('gives all bytes in their order, in few chunks, however they came', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 * MIB }), { maxLength: 6 }),
        async (lengths) => {
          const pieces = lengths.map((length, n) => Buffer.alloc(length, n + 1));
          const seen: Buffer[] = [];
          for await (const chunk of gatheredBody(Readable.from(pieces, { objectMode: false }))) {
            assert(chunk.byteLength > 0 && chunk.byteLength <= MIB);
            // It holds until the next is asked for.
            seen.push(Buffer.from(chunk));
          }
          assert(Buffer.concat(seen).equals(Buffer.concat(pieces)));
          const total = lengths.reduce((sum, length) => sum + length, 0);
          const most = Math.ceil(total / MIB) + lengths.length;
          assert(seen.length <= most, `${seen.length} chunks`);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('does not wait for a full chunk where a sender is slow', async () => {
    const source = new PassThrough();
    const body = gatheredBody(source)[Symbol.asyncIterator]();
    source.write('a');
    assert.equal(Buffer.from((await body.next()).value as Uint8Array).toString(), 'a');
    source.end('b');
    assert.equal(Buffer.from((await body.next()).value as Uint8Array).toString(), 'b');
    assert.equal((await body.next()).done, true);
  });

  it('reads no further ahead than two chunks', async () => {
    let given = 0;
    const source = new Readable({
      highWaterMark: 1,
      read() {
        given += 1;
        this.push(Buffer.alloc(64 * 1024));
      },
    });
    const body = gatheredBody(source)[Symbol.asyncIterator]();
    await body.next();
    if (!source.isPaused()) await once(source, 'pause');
    assert(given * 64 * 1024 <= 2.5 * MIB, `${given} pieces`);
    await body.return?.();
    assert(source.destroyed);
  });

  it('tells of a stream that fails, or closes before its end', async () => {
    const broken = new PassThrough();
    broken.write('a');
    const reading = Array.fromAsync(gatheredBody(broken));
    broken.destroy(new Error('torn'));
    await assert.rejects(reading, /torn/);
    const closed = new PassThrough();
    closed.write('a');
    const waiting = Array.fromAsync(gatheredBody(closed));
    closed.destroy();
    await assert.rejects(waiting, /closed before all had come/);
    await assert.rejects(Array.fromAsync(gatheredBody(closed)), /closed before all had come/);
  });

  it('leaves a stream that is to be kept open and paused', async () => {
    const source = new PassThrough();
    source.write('a');
    const body = gatheredBody(source, { keep: true })[Symbol.asyncIterator]();
    await body.next();
    const waiting = body.next();
    assert.equal((await body.return?.())?.done, true);
    assert.equal((await waiting).done, true);
    assert(!source.destroyed && source.isPaused());
    source.resume().end();
    await once(source, 'end');
  });
});
