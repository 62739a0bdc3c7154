import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createHasher } from '../../../src/hashing/hasher.ts';

function sha256(...parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

describe('hasher on one thread', () => {
  it('gives the digest of the bytes, and of each prefix with the bytes, for every way to cut them', async () => {
    const hasher = createHasher({ threads: 0 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
        fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 3 }),
        async (chunks, prefixes) => {
          const pass = await hasher.digest(stream(chunks), prefixes);
          const whole = Buffer.concat(chunks);
          assert.equal(pass.size, whole.byteLength);
          assert.equal(pass.sha256, sha256(whole));
          assert.deepEqual(
            pass.prefixed,
            prefixes.map((prefix) => sha256(prefix, whole)),
          );
        },
      ),
    );
  });

  it("rejects with the body's own error", async () => {
    const hasher = createHasher({ threads: 0 });
    const broken = new Error('the connection broke');
    const body = (async function* () {
      yield await Promise.resolve(new Uint8Array(10));
      throw broken;
    })();
    await assert.rejects(hasher.digest(body, []), (error) => error === broken);
  });
});

async function* stream(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
}
