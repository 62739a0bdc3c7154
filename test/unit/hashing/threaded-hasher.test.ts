import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { LANES, SLOTS, SLOT_BYTES } from '../../../src/hashing/ring.ts';
import { createHasher } from '../../../src/hashing/hasher.ts';
import { INLINE_BYTES } from '../../../src/hashing/threaded-hasher.ts';
import {
  directFile,
  inChunks,
  lentFile,
  numberedBytes,
  sha256,
  thenError,
} from '../../support/images/digest-bodies.ts';

const folder = mkdtempSync(join(tmpdir(), 'digests-'));
const hasher = createHasher({ threads: 2 });
after(async () => {
  await hasher.close();
  rmSync(folder, { recursive: true });
});

function file(name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes);
  return name;
}

/** The result of `cat FILES | sha256sum`. */
function sha256sum(...names: readonly string[]): string {
  const line = execFileSync('sh', ['-c', 'cat "$@" | sha256sum', 'sh', ...names], { cwd: folder });
  return line.toString('utf8', 0, 64);
}

describe('hasher on threads', () => {
  const metadata = [file('lxd.tar.xz', numberedBytes(612)), file('incus.tar.xz', numberedBytes(0))];
  const prefixes = [numberedBytes(612), numberedBytes(0)];
  const boundaries = [
    SLOT_BYTES,
    INLINE_BYTES,
    INLINE_BYTES + SLOT_BYTES,
    INLINE_BYTES + SLOTS * SLOT_BYTES,
    INLINE_BYTES + (SLOTS + 1) * SLOT_BYTES,
  ];
  const sizes = [0, 1, ...boundaries.flatMap((size) => [size - 1, size, size + 1])];

  for (const size of sizes) {
    it(`agrees with sha256sum on ${size} bytes, alone and after metadata`, async () => {
      const root = file('root', numberedBytes(size));
      const expected = {
        sha256: sha256sum(root),
        size,
        prefixed: metadata.map((name) => sha256sum(name, root)),
      };
      const path = join(folder, root);
      for (const count of [0, 1, 2]) {
        const some = { ...expected, prefixed: expected.prefixed.slice(0, count) };
        assert.deepEqual(
          await hasher.digest(createReadStream(path), prefixes.slice(0, count)),
          some,
        );
        const direct = await directFile(path, 300_001);
        assert.deepEqual(await hasher.digest(direct, prefixes.slice(0, count)), some);
        assert.equal(direct.closed, true);
        // A smaller file is read as a stream in any case.
        if (size >= INLINE_BYTES) {
          const lent = await lentFile(path);
          assert.deepEqual(await hasher.digest(lent, prefixes.slice(0, count)), some);
          assert.equal(lent.closed, true);
        }
      }
    });
  }

  it('accepts prefixes larger than a slot, and any number of them', async () => {
    const large = numberedBytes(2 * SLOT_BYTES + 1, 3);
    const some = [large, ...Array.from({ length: 9 }, (_, n) => numberedBytes(n, n)), large];
    const bytes = numberedBytes(INLINE_BYTES + 1);
    const pass = await hasher.digest(inChunks(bytes, [65_536]), some);
    assert.deepEqual(
      pass.prefixed,
      some.map((prefix) => sha256(prefix, bytes)),
    );
  });

  it('gives the same digest for every way to cut the bytes', async () => {
    const bytes = numberedBytes(INLINE_BYTES + SLOT_BYTES + 17);
    const prefix = numberedBytes(99, 7);
    const expected = [sha256(bytes), sha256(prefix, bytes)];
    // Small and empty chunks between larger ones, as from a socket.
    const chunkSizes = fc
      .tuple(
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 4 }),
        fc.integer({ min: 1_000, max: 3 * SLOT_BYTES }),
      )
      .map(([small, large]) => [...small, large]);
    await fc.assert(
      fc.asyncProperty(chunkSizes, async (chunks) => {
        const pass = await hasher.digest(inChunks(bytes, chunks), [prefix]);
        assert.deepEqual([pass.sha256, ...pass.prefixed], expected);
        assert.equal(pass.size, bytes.byteLength);
      }),
      { numRuns: 25 },
    );
  });

  it('accepts a chunk whose memory its producer reuses', async () => {
    const bytes = numberedBytes(INLINE_BYTES + SLOT_BYTES);
    const reused = Buffer.alloc(70_001);
    const body = (async function* () {
      for await (const chunk of inChunks(bytes, [reused.byteLength])) {
        reused.set(chunk);
        yield reused.subarray(0, chunk.byteLength);
      }
    })();
    assert.equal((await hasher.digest(body, [])).sha256, sha256(bytes));
  });

  it('keeps streams apart, also when there are more streams than lanes', async () => {
    const bodies = Array.from({ length: LANES + 4 }, (_, n) => {
      const bytes = numberedBytes(INLINE_BYTES + n * 700_001, n);
      return { bytes, prefix: numberedBytes(n * 1000, n), chunk: 10_007 * (n + 1) };
    });
    const passes = await Promise.all(
      bodies.map(({ bytes, prefix, chunk }) => hasher.digest(inChunks(bytes, [chunk]), [prefix])),
    );
    assert.deepEqual(
      passes,
      bodies.map(({ bytes, prefix }) => ({
        sha256: sha256(bytes),
        size: bytes.byteLength,
        prefixed: [sha256(prefix, bytes)],
      })),
    );
  });

  it("rejects with the body's own error, at every position, and continues with the next", async () => {
    const whole = numberedBytes(INLINE_BYTES + 7 * SLOT_BYTES);
    const before = [0, 1, INLINE_BYTES, INLINE_BYTES + 1, INLINE_BYTES + 6 * SLOT_BYTES];
    await Promise.all(
      // There are more broken streams than lanes, so a lane that is not returned would be noticed.
      [...before, ...before, ...before].map(async (length) => {
        const broken = new Error(`broken after ${length}`);
        await assert.rejects(
          hasher.digest(thenError(whole.subarray(0, length), broken), [numberedBytes(10)]),
          (error) => error === broken,
        );
      }),
    );
    const pass = await hasher.digest(inChunks(whole, [65_536]), [numberedBytes(10)]);
    assert.equal(pass.sha256, sha256(whole));
    assert.deepEqual(pass.prefixed, [sha256(numberedBytes(10), whole)]);
  });

  it('returns why a lent file could not be read, gives it back, and continues with the next', async () => {
    const bytes = numberedBytes(INLINE_BYTES + 7 * SLOT_BYTES);
    const whole = await lentFile(join(folder, file('root', bytes)));
    // This is like a file that is cut after it was opened. A folder can be opened, but not read.
    const cut = await lentFile(join(folder, 'root'), bytes.byteLength + 1);
    const unreadable = await lentFile(folder, bytes.byteLength);
    const results = await Promise.allSettled(
      [cut, whole, unreadable].map((body) => hasher.digest(body, [numberedBytes(10)])),
    );
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'fulfilled', 'rejected'],
    );
    assert.match(String(cut.failure), /ended before its size/);
    assert.match(String(unreadable.failure), /EISDIR/);
    assert.ok([whole, cut, unreadable].every(({ closed }) => closed));
    const again = await lentFile(join(folder, 'root'));
    assert.equal((await hasher.digest(again, [])).sha256, sha256(bytes));
  });
});
