import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';

import { ImageError } from '../../../src/archives/image-error.ts';
import { borrowed, oneChunk } from '../../../src/bytes/borrowed-chunks.ts';
import type { Part } from '../../../src/bytes/multipart.ts';
import { receiveImage } from '../../../src/publishing/receive/receive-image.ts';
import type { ReceivedImage } from '../../../src/publishing/receive/received-image.ts';
import { METADATA_YAML, tarArchive } from '../../support/images/tar-archive.ts';
import { memoryStore } from '../../support/stores/memory-store.ts';

const METADATA = tarArchive([{ path: 'metadata.yaml', content: METADATA_YAML }]);
const ROOT = Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(2000, 7)]);
const FINGERPRINT = createHash('sha256').update(METADATA).update(ROOT).digest('hex');
const KEY = 'root';

/** Parts as a sender gives them; `closed` is called when no more parts are needed. */
async function* parts(
  more: readonly Part[] = [],
  closed: () => void = () => undefined,
): AsyncGenerator<Part, void, undefined> {
  try {
    yield { name: 'metadata', body: oneChunk(METADATA) };
    yield { name: 'rootfs', body: oneChunk(ROOT) };
    for (const part of more) yield await Promise.resolve(part);
  } finally {
    closed();
  }
}

async function receive(
  sent: AsyncIterable<Part>,
  expected?: string,
): Promise<{ received: ReceivedImage | undefined; error: unknown; keys: string[] }> {
  const store = memoryStore('memory');
  const outcome = { received: undefined as ReceivedImage | undefined, error: undefined as unknown };
  try {
    await using arriving = await receiveImage(store, { kind: 'split', parts: sent }, expected);
    assert.equal(arriving.head.name, 'rootfs.squashfs');
    outcome.received = await arriving.done(
      // A store reports an interrupted body with its own error.
      store.upload(KEY, arriving.root).catch((error: unknown) => {
        throw new Error('the data to store broke off', { cause: error });
      }),
    );
  } catch (error) {
    outcome.error = error;
  }
  const keys = await Array.fromAsync(store.list(''), ({ key }) => key);
  return { ...outcome, keys };
}

describe('receiveImage', () => {
  it('returns the head, then the root, then what was received', async () => {
    const { received, error, keys } = await receive(parts(), FINGERPRINT.slice(0, 20));
    assert.equal(error, undefined);
    assert.equal(received?.fingerprint, FINGERPRINT);
    assert.equal(received.size, METADATA.length + ROOT.length);
    assert.equal(received.root.size, ROOT.length);
    assert.deepEqual(keys, [KEY]);
  });

  it('never gives a store the complete root of an image with another fingerprint', async () => {
    const { error, keys } = await receive(parts(), 'f'.repeat(64));
    assert(error instanceof ImageError);
    assert.equal(error.code, 'mismatch');
    assert.deepEqual(keys, []);
  });

  it('never gives a store the complete root before a third part', async () => {
    const { error, keys } = await receive(parts([{ name: 'more', body: oneChunk(ROOT) }]));
    assert(error instanceof ImageError);
    assert.equal(error.code, 'unusable');
    assert.deepEqual(keys, []);
  });

  it("rejects with the sender's error, not with the resulting error of the store", async () => {
    const fault = new Error('the sender is gone');
    async function* sent(): AsyncGenerator<Part, void, undefined> {
      async function* broken(): AsyncGenerator<Uint8Array, void, undefined> {
        yield await Promise.resolve(ROOT);
        throw fault;
      }
      yield { name: 'metadata', body: oneChunk(METADATA) };
      yield await Promise.resolve({ name: 'rootfs', body: borrowed(broken()) });
    }
    const { error, keys } = await receive(sent());
    assert.equal(error, fault);
    assert.deepEqual(keys, []);
  });

  it("rejects with the store's error where the sender has none", async () => {
    await using arriving = await receiveImage(memoryStore('memory'), {
      kind: 'split',
      parts: parts(),
    });
    const full = new Error('the store is full');
    await assert.rejects(arriving.done(Promise.reject(full)), full);
  });

  it('closes an image whose root was not read', async () => {
    let closed = 0;
    {
      const image = { kind: 'split', parts: parts([], () => (closed += 1)) } as const;
      await using arriving = await receiveImage(memoryStore('memory'), image);
      assert(arriving.head.metadataFile?.equals(METADATA));
      assert.equal(closed, 0);
    }
    assert.equal(closed, 1);
  });
});
