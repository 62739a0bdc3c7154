import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { SLOT_BYTES } from '../../../src/hashing/ring.ts';
import { createHasher } from '../../../src/hashing/hasher.ts';
import { INLINE_BYTES } from '../../../src/hashing/threaded-hasher.ts';
import { inChunks, numberedBytes, sha256 } from '../../support/images/digest-bodies.ts';

const folder = mkdtempSync(join(tmpdir(), 'digest-threads-'));
after(() => rmSync(folder, { recursive: true }));

const bytes = numberedBytes(INLINE_BYTES + 6 * SLOT_BYTES);
const WORKER = new URL('../../../src/hashing/digest-worker.ts', import.meta.url);

/** A body that records whether it was closed. */
function watchedBody() {
  const state = { ended: false };
  const body = (async function* () {
    try {
      yield* inChunks(bytes, [50_000]);
    } finally {
      state.ended = true;
    }
  })();
  return { body, state };
}

describe('digest threads', () => {
  it('that cannot start are an error that names their module', async () => {
    const missing = pathToFileURL(join(folder, 'nowhere.mjs'));
    const hasher = createHasher({ threads: 2, workerUrl: missing });
    const { body, state } = watchedBody();
    await assert.rejects(hasher.digest(body, []), /digest thread \(file:.*nowhere\.mjs\) failed/);
    assert.equal(state.ended, true);
    await hasher.close();
  });

  it('that were prepared and cannot start fail the stream that they were for', async () => {
    const missing = pathToFileURL(join(folder, 'nowhere.mjs'));
    const hasher = createHasher({ threads: 2, workerUrl: missing });
    hasher.prepare(bytes.byteLength);
    const { body, state } = watchedBody();
    await assert.rejects(hasher.digest(body, []), /digest thread \(file:.*nowhere\.mjs\) failed/);
    assert.equal(state.ended, true);
    await hasher.close();
  });

  it('are not needed by a short stream', async () => {
    const missing = pathToFileURL(join(folder, 'nowhere.mjs'));
    const hasher = createHasher({ threads: 2, workerUrl: missing });
    const short = bytes.subarray(0, INLINE_BYTES - 1);
    const pass = await hasher.digest(inChunks(short, [65_536]), []);
    assert.equal(pass.sha256, sha256(short));
    hasher.prepare(INLINE_BYTES - 1);
    await hasher.close();
  });

  for (const [how, code, message] of [
    ['throw', 'throw new Error("the thread broke")', /failed: .*the thread broke/],
    ['exit', 'process.exit(7)', /ended unexpectedly with code 7/],
  ] as const) {
    it(`that ${how} fail every stream on them, and others replace them`, async () => {
      const crashed = join(folder, `crashed-${how}`);
      const flaky = join(folder, `flaky-${how}.mjs`);
      // Both threads of the first generation stop after the first stream has started. Later threads
      // work.
      writeFileSync(
        flaky,
        `import { existsSync, writeFileSync } from 'node:fs';
        import { workerData } from 'node:worker_threads';
        if (existsSync(${JSON.stringify(crashed)})) await import(${JSON.stringify(WORKER.href)});
        const words = new Int32Array(workerData.control);
        Atomics.wait(words, 0, 0);
        writeFileSync(${JSON.stringify(crashed)}, '');
        ${code};`,
      );
      const hasher = createHasher({ threads: 2, workerUrl: pathToFileURL(flaky) });
      const streams = [watchedBody(), watchedBody(), watchedBody()];
      const results = await Promise.allSettled(streams.map(({ body }) => hasher.digest(body, [])));
      for (const result of results) {
        assert.equal(result.status, 'rejected');
        assert.match(String(result.reason), message);
      }
      assert.ok(streams.every(({ state }) => state.ended));
      assert.ok(existsSync(crashed));
      const pass = await hasher.digest(inChunks(bytes, [50_000]), []);
      assert.equal(pass.sha256, sha256(bytes));
      await hasher.close();
    });
  }

  it('end when the hasher is closed, and start again for the next stream', async () => {
    const hasher = createHasher({ threads: 2 });
    assert.equal((await hasher.digest(inChunks(bytes, [50_000]), [])).sha256, sha256(bytes));
    const { body, state } = watchedBody();
    let closing: Promise<void> | undefined;
    const closedMidway = (async function* () {
      let passed = 0;
      for await (const chunk of body) {
        passed += chunk.byteLength;
        if (passed > INLINE_BYTES + SLOT_BYTES) closing ??= hasher.close();
        yield chunk;
      }
    })();
    await assert.rejects(hasher.digest(closedMidway, []), /was closed while it was reading/);
    assert.equal(state.ended, true);
    await closing;
    assert.equal((await hasher.digest(inChunks(bytes, [50_000]), [])).sha256, sha256(bytes));
    await hasher.close();
    await hasher.close();
  });
});
