import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openDirectoryStore } from '../../../src/storage/directory-store.ts';
import { isStoreError } from '../../../src/storage/errors.ts';
import type { ObjectBody, ReadOptions } from '../../../src/storage/object-store.ts';
import { numberedBytes } from '../../support/digest-bodies.ts';

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

  it('reject when the signal is aborted, and with the same again', async () => {
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
