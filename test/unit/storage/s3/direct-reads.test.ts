import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createHasher } from '../../../../src/hashing/hasher.ts';
import { openDirectoryStore } from '../../../../src/storage/directory/store.ts';
import { isStoreError } from '../../../../src/storage/errors.ts';
import type { ObjectBody, ReadOptions } from '../../../../src/storage/object-store.ts';
import { numberedBytes, sha256 } from '../../../support/images/digest-bodies.ts';

const path = mkdtempSync(join(tmpdir(), 'direct-reads-'));
const store = await openDirectoryStore({ path });
after(async () => {
  await store.close();
  rmSync(path, { recursive: true });
});

const bytes = numberedBytes(100_003);
const written = await store.write('root', bytes);

async function open(options?: ReadOptions) {
  const { stream } = await store.read('root', options);
  assert.ok(stream.readInto, 'the directory store offers direct reads');
  return { stream, readInto: stream.readInto };
}

async function readAll(readInto: NonNullable<ObjectBody['stream']['readInto']>) {
  const memory = new Uint8Array(new SharedArrayBuffer(bytes.byteLength + 10));
  let length = 0;
  for (;;) {
    const read = await readInto(memory.subarray(length, length + 7_001));
    if (read === 0) return Buffer.from(memory.subarray(0, length));
    length += read;
  }
}

describe("a directory store's reads into shared memory", () => {
  it('yield the object, and only the bytes asked for', async () => {
    const whole = await open({ ifMatch: written.etag });
    assert.deepEqual(await readAll(whole.readInto), bytes);
    whole.stream.destroy();
    const part = await open({ range: { start: 5, end: 50_000 } });
    assert.deepEqual(await readAll(part.readInto), bytes.subarray(5, 50_000));
    part.stream.destroy();
  });

  it('reject when the signal is aborted, and again with the same error', async () => {
    const abort = new AbortController();
    const { readInto } = await open({ signal: abort.signal });
    assert.ok((await readInto(new Uint8Array(10))) > 0);
    abort.abort();
    for (let n = 0; n < 2; n += 1) {
      await assert.rejects(readInto(new Uint8Array(10)), (error) => {
        return isStoreError(error, 'unavailable') && error.message.includes('cancelled');
      });
    }
  });

  it('reject when the file changes before their end', async () => {
    const pinned = await open({ ifMatch: written.etag });
    const loose = await open();
    await pinned.readInto(new Uint8Array(10));
    await loose.readInto(new Uint8Array(10));
    appendFileSync(join(path, 'root'), 'more');
    await assert.rejects(readAll(pinned.readInto), (error) =>
      isStoreError(error, 'precondition_failed'),
    );
    await assert.rejects(readAll(loose.readInto), (error) => isStoreError(error, 'unavailable'));
    pinned.stream.destroy();
    loose.stream.destroy();
  });
});

describe("a directory store's file on loan", () => {
  async function lend(options?: ReadOptions) {
    const { stream } = await store.read('root', options);
    assert.ok(stream.lend, 'the directory store lends its files');
    return { stream, loan: stream.lend() };
  }

  it('spans the object, or the requested bytes, and is closed when it is given back', async () => {
    const written = await store.write('root', bytes);
    const whole = await lend({ ifMatch: written.etag });
    assert.deepEqual([whole.loan.start, whole.loan.end], [0, bytes.byteLength]);
    const part = await lend({ range: { start: 5, end: 500_000 } });
    assert.deepEqual([part.loan.start, part.loan.end], [5, bytes.byteLength]);
    const memory = Buffer.alloc(10);
    readSync(part.loan.fd, memory, 0, 10, part.loan.start);
    assert.deepEqual(memory, bytes.subarray(5, 15));
    for (const { stream, loan } of [whole, part]) {
      const closed = once(stream, 'close');
      await loan.giveBack();
      await closed;
      assert.throws(() => readSync(loan.fd, memory), { code: 'EBADF' });
    }
  });

  it('stays open after an abort until it is given back, which rejects', async () => {
    const abort = new AbortController();
    const { stream, loan } = await lend({ signal: abort.signal });
    abort.abort();
    assert.equal(loan.signal.aborted, true);
    assert.equal(readSync(loan.fd, Buffer.alloc(10), 0, 10, 0), 10);
    const closed = new Promise((resolve) => stream.once('close', resolve));
    await assert.rejects(loan.giveBack(), (error) => {
      return isStoreError(error, 'unavailable') && error.message.includes('cancelled');
    });
    await closed;
    assert.throws(() => readSync(loan.fd, Buffer.alloc(10)), { code: 'EBADF' });
  });

  it('rejects when the file has changed, and returns the error of a failed read', async () => {
    const written = await store.write('root', bytes);
    const failed = await lend();
    await assert.rejects(failed.loan.giveBack(new Error('the disk is on fire')), (error) => {
      return isStoreError(error, 'unavailable') && error.message.includes('on fire');
    });
    const pinned = await lend({ ifMatch: written.etag });
    const loose = await lend();
    appendFileSync(join(path, 'root'), 'more');
    const broken = new Error('short');
    await assert.rejects(pinned.loan.giveBack(broken), (error) =>
      isStoreError(error, 'precondition_failed'),
    );
    await assert.rejects(loose.loan.giveBack(), (error) => isStoreError(error, 'unavailable'));
  });
});

describe('a hasher on threads', () => {
  it('ends early when the read of a lent file is cancelled', async () => {
    const hasher = createHasher({ threads: 2 });
    const large = numberedBytes(40 * 1024 * 1024);
    const { etag } = await store.write('large', large);
    const abort = new AbortController();
    const { stream } = await store.read('large', { ifMatch: etag, signal: abort.signal });
    const digest = hasher.digest(stream, []);
    abort.abort();
    await assert.rejects(digest, (error) => {
      return isStoreError(error, 'unavailable') && error.message.includes('cancelled');
    });
    const again = await store.read('large');
    assert.equal((await hasher.digest(again.stream, [])).sha256, sha256(large));
    await hasher.close();
  });
});
