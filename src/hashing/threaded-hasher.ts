import { byteSource } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import type { DigestLane } from './lane.ts';
import { BEGIN, DIGEST_BYTES, EVERY_HASH, FINISH, MAX_HASHES } from './ring.ts';
import { DigestThreads } from './threads.ts';
import type { Hasher, Pass, Sha256 } from '../images/digests.ts';
import { isFileBody, readFailure } from './file-body.ts';
import type { FileBody } from './file-body.ts';
import { PassHashes } from './inline-hasher.ts';

/** A shorter stream is hashed on the calling thread, and starts no other threads. */
export const INLINE_BYTES = 2 * 1024 * 1024;

/**
 * Computes the digests of a stream in parallel, on threads that all streams share.
 *
 * - The threads start with the first stream of INLINE_BYTES, or with `prepare` for such a stream. They end with
 *   `close`, and a later stream starts them again. Idle threads do not keep the process alive.
 * - If all lanes are in use, a further stream is hashed on the calling thread.
 * - The threads also read the bytes of files. At several GB/s, passing chunks between threads and the fresh
 *   memory of each chunk cost as much as a digest.
 */
export function threadedHasher(workerUrl: URL): Hasher {
  let threads: DigestThreads | undefined;

  function start(): DigestThreads {
    threads ??= new DigestThreads(workerUrl, () => (threads = undefined));
    return threads;
  }

  async function onLane(prefixes: readonly Uint8Array[], feed: Feed): Promise<Pass | undefined> {
    if (prefixes.length >= MAX_HASHES) return undefined;
    const mine = start();
    const lane = mine.take();
    if (!lane) return undefined;
    try {
      return await hashOnLane(lane, prefixes, feed);
    } finally {
      mine.giveBack(lane);
    }
  }

  /** Returns undefined and leaves the body untouched if it is no file, is small, or no lane is free. */
  async function digestFile(body: AsyncIterable<Uint8Array>, prefixes: readonly Uint8Array[]) {
    if (!isFileBody(body) || body.span.end - body.span.start < INLINE_BYTES) return undefined;
    try {
      return await onLane(prefixes, (lane) => feedFile(lane, body));
    } catch (error) {
      body.destroy();
      throw error;
    }
  }

  async function digestStream(
    body: AsyncIterable<Uint8Array>,
    prefixes: readonly Uint8Array[],
  ): Promise<Pass> {
    const source = byteSource(body);
    try {
      const start = new Uint8Array(INLINE_BYTES);
      const length = await source.fill(start);
      const pass =
        length < start.byteLength
          ? undefined
          : await onLane(prefixes, (lane) => feedStream(lane, source, start));
      return pass ?? (await hashInline(source, start, length, prefixes));
    } finally {
      await source.close();
    }
  }

  return {
    async digest(body, prefixes) {
      return (await digestFile(body, prefixes)) ?? (await digestStream(body, prefixes));
    },
    prepare(size) {
      if (size >= INLINE_BYTES) start();
    },
    async close() {
      await threads?.end(new Error('The hasher was closed while it was reading.'));
    },
  };
}

/** Passes a stream's bytes to every hash of a lane. Resolves to their number. */
type Feed = (lane: DigestLane) => Promise<number>;

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
  lane: DigestLane,
  prefixes: readonly Uint8Array[],
  feed: Feed,
): Promise<Pass> {
  await lane.slot();
  lane.publish(BEGIN, 1 + prefixes.length);
  for (const [n, prefix] of prefixes.entries()) await publishAll(lane, 1 + n, prefix);
  const size = await feed(lane);
  await lane.slot();
  lane.publish(FINISH, 0);
  const digests = Buffer.from(await lane.drained());
  const digest = (n: number) =>
    digests.toString('hex', n * DIGEST_BYTES, (n + 1) * DIGEST_BYTES) as Sha256;
  return { sha256: digest(0), size, prefixed: prefixes.map((_, n) => digest(1 + n)) };
}

async function feedStream(lane: DigestLane, source: ByteSource, start: Uint8Array) {
  await publishAll(lane, EVERY_HASH, start);
  for (let size = start.byteLength; ;) {
    const slot = await lane.slot();
    const length = await source.fill(slot);
    lane.publish(EVERY_HASH, length);
    size += length;
    if (length < slot.byteLength) return size;
  }
}

async function feedFile(lane: DigestLane, body: FileBody) {
  const file = body.lend();
  let failure: Error | undefined;
  try {
    failure = readFailure(await lane.readFile(file, file.signal));
  } catch (error) {
    await file.giveBack().catch(() => undefined);
    throw error;
  }
  await file.giveBack(failure);
  return file.end - file.start;
}

async function publishAll(lane: DigestLane, target: number, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.byteLength > 0;) {
    const slot = await lane.slot();
    const part = rest.subarray(0, slot.byteLength);
    slot.set(part);
    lane.publish(target, part.byteLength);
    rest = rest.subarray(part.byteLength);
  }
}
