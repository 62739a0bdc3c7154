import { byteSource } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { BEGIN, DIGEST_BYTES, EVERY_HASH, FINISH, MAX_HASHES } from './digest-ring.ts';
import { DigestThreads } from './digest-threads.ts';
import type { Lane } from './digest-threads.ts';
import type { Hasher, Pass, Sha256 } from './digests.ts';
import { PassHashes } from './inline-hasher.ts';

/** A stream that ends within so many bytes is hashed on the calling thread, and starts no others. */
export const INLINE_BYTES = 2 * 1024 * 1024;

/**
 * Computes the digests of a stream in parallel, on threads that are shared by all streams at work. They start
 * with the first stream above INLINE_BYTES, keep no process alive on their own, and end with `close`; a
 * later stream starts them again. More streams at once than there are lanes are hashed on the calling thread.
 */
export function threadedHasher(workerUrl: URL): Hasher {
  let threads: DigestThreads | undefined;

  function takeLane(): Lane | undefined {
    threads ??= new DigestThreads(workerUrl, () => (threads = undefined));
    return threads.take();
  }

  return {
    async digest(body, prefixes) {
      const source = byteSource(body);
      try {
        const start = new Uint8Array(INLINE_BYTES);
        const length = await source.fill(start);
        const lane =
          length < start.byteLength || prefixes.length >= MAX_HASHES ? undefined : takeLane();
        if (!lane) return await hashInline(source, start, length, prefixes);
        try {
          return await hashOnLane(source, start, prefixes, lane);
        } finally {
          lane.release();
        }
      } finally {
        await source.close();
      }
    },
    async close() {
      await threads?.end(new Error('The hasher was closed while it was reading.'));
    },
  };
}

async function hashInline(
  source: ByteSource,
  buffer: Uint8Array,
  filled: number,
  prefixes: readonly Uint8Array[],
): Promise<Pass> {
  const hashes = new PassHashes(prefixes);
  let length = filled;
  for (;;) {
    hashes.update(buffer.subarray(0, length));
    if (length < buffer.byteLength) return hashes.finish();
    length = await source.fill(buffer);
  }
}

async function hashOnLane(
  source: ByteSource,
  start: Uint8Array,
  prefixes: readonly Uint8Array[],
  lane: Lane,
): Promise<Pass> {
  const count = 1 + prefixes.length;
  await lane.slot();
  lane.publish(BEGIN, count);
  for (const [n, prefix] of prefixes.entries()) await publishAll(lane, 1 + n, prefix);
  await publishAll(lane, EVERY_HASH, start);

  let size = start.byteLength;
  for (;;) {
    const slot = await lane.slot();
    const length = await source.fill(slot);
    lane.publish(EVERY_HASH, length);
    size += length;
    if (length < slot.byteLength) break;
  }

  await lane.slot();
  lane.publish(FINISH, 0);
  const digests = Buffer.from(await lane.drained());
  const digest = (n: number) =>
    digests.toString('hex', n * DIGEST_BYTES, (n + 1) * DIGEST_BYTES) as Sha256;
  return { sha256: digest(0), size, prefixed: prefixes.map((_, n) => digest(1 + n)) };
}

async function publishAll(lane: Lane, target: number, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.byteLength > 0;) {
    const slot = await lane.slot();
    const part = rest.subarray(0, slot.byteLength);
    slot.set(part);
    lane.publish(target, part.byteLength);
    rest = rest.subarray(part.byteLength);
  }
}
