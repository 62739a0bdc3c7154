import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { describe, it } from 'node:test';
import fc from 'fast-check';

import { eachChunk, lend, owned } from '../../../src/bytes/borrowed-chunks.ts';
import { gatheredBody } from '../../../src/bytes/body-memory.ts';

const MIB = 1024 * 1024;

describe('gatheredBody', () => {
  it('gives all bytes in order, in few chunks, for every way to send them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 * MIB }), { maxLength: 6 }),
        async (lengths) => {
          const pieces = lengths.map((length, n) => Buffer.alloc(length, n + 1));
          const seen: Buffer[] = [];
          const body = gatheredBody(Readable.from(pieces, { objectMode: false }));
          await eachChunk(body, (chunk) => {
            assert(chunk.byteLength > 0 && chunk.byteLength <= MIB);
            seen.push(Buffer.from(chunk));
          });
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
    const body = lend(gatheredBody(source));
    source.write('a');
    assert.equal(Buffer.from((await body.next()).value as Uint8Array).toString(), 'a');
    source.end('b');
    assert.equal(Buffer.from((await body.next()).value as Uint8Array).toString(), 'b');
    assert.equal((await body.next()).done, true);
  });

  it('reads at most two chunks ahead', async () => {
    let given = 0;
    const source = new Readable({
      highWaterMark: 1,
      read() {
        given += 1;
        this.push(Buffer.alloc(64 * 1024));
      },
    });
    const body = lend(gatheredBody(source));
    await body.next();
    if (!source.isPaused()) await once(source, 'pause');
    assert(given * 64 * 1024 <= 2.5 * MIB, `${given} pieces`);
    await body.return?.();
    assert(source.destroyed);
  });

  it('reports a stream that fails, or closes before its end', async () => {
    const broken = new PassThrough();
    broken.write('a');
    const reading = Array.fromAsync(owned(gatheredBody(broken)));
    broken.destroy(new Error('torn'));
    await assert.rejects(reading, /torn/);
    const closed = new PassThrough();
    closed.write('a');
    const waiting = Array.fromAsync(owned(gatheredBody(closed)));
    closed.destroy();
    await assert.rejects(waiting, /closed before all had come/);
    await assert.rejects(
      Array.fromAsync(owned(gatheredBody(closed))),
      /closed before all had come/,
    );
  });

  it('leaves a stream open and paused on request', async () => {
    const source = new PassThrough();
    source.write('a');
    const body = lend(gatheredBody(source, { keep: true }));
    await body.next();
    const waiting = body.next();
    assert.equal((await body.return?.())?.done, true);
    assert.equal((await waiting).done, true);
    assert(!source.destroyed && source.isPaused());
    source.resume().end();
    await once(source, 'end');
  });
});
