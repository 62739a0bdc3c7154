import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import {
  BEGIN,
  DIGEST_BYTES,
  EVERY_HASH,
  FINISH,
  LANES,
  WAKE,
  WORKERS,
  headOf,
  headerOf,
  slotBytes,
  tailOf,
} from './digest-ring.ts';
import type { RingMemory } from './digest-ring.ts';

/** What the thread is started with. `worker` is its number, from 0 to WORKERS - 1. */
export interface DigestWorkerData extends RingMemory {
  readonly worker: number;
}

const { control, data, worker } = workerData as DigestWorkerData;
const words = new Int32Array(control);
/** By lane; the hashes of a stream that fall to this worker, by their number in the stream. */
const hashes: Map<number, Hash>[] = Array.from({ length: LANES }, () => new Map<number, Hash>());

for (;;) {
  const wake = Atomics.load(words, WAKE);
  let idle = true;
  // One slot of each lane in turn, so that no stream waits for another's end.
  for (const [lane, mine] of hashes.entries()) {
    const tail = Atomics.load(words, tailOf(lane, worker));
    if (Atomics.load(words, headOf(lane)) === tail) continue;
    idle = false;
    takeSlot(lane, tail, mine);
    Atomics.add(words, tailOf(lane, worker), 1);
    Atomics.notify(words, tailOf(lane, worker));
  }
  if (idle) Atomics.wait(words, WAKE, wake);
}

function takeSlot(lane: number, count: number, mine: Map<number, Hash>): void {
  const header = headerOf(lane, count);
  const target = Atomics.load(words, header);
  const length = Atomics.load(words, header + 1);
  const slot = slotBytes(data, lane, count);
  switch (target) {
    case BEGIN:
      mine.clear();
      for (let n = worker; n < length; n += WORKERS) mine.set(n, createHash('sha256'));
      break;
    case EVERY_HASH:
      for (const hash of mine.values()) hash.update(slot.subarray(0, length));
      break;
    case FINISH:
      for (const [n, hash] of mine) slot.set(hash.digest(), n * DIGEST_BYTES);
      mine.clear();
      break;
    default:
      mine.get(target)?.update(slot.subarray(0, length));
  }
}
