import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import {
  BEGIN,
  DIGEST_BYTES,
  EVERY_HASH,
  FINISH,
  LANES,
  READ_FILE,
  WAKE,
  WORKERS,
  awaitedOf,
  headerOf,
  readSpan,
  slotBytes,
  tailOf,
} from './ring.ts';
import type { FileSpan, RingMemory } from './ring.ts';
import { FileShare } from './file-share.ts';

/** The thread's `workerData`. `worker` is its number, from 0 to WORKERS - 1. */
export interface DigestWorkerData extends RingMemory {
  readonly worker: number;
}

const ring = workerData as DigestWorkerData;
const { control, data, worker } = ring;
const words = new Int32Array(control);

/** This worker's state for the stream on one lane. */
class LaneWork {
  readonly #lane: number;
  /** The hashes that this worker computes, by their number in the stream. */
  readonly #hashes = new Map<number, Hash>();
  #file: FileShare | undefined;

  constructor(lane: number) {
    this.#lane = lane;
  }

  /** Does the next piece of work. Returns false if there is none. */
  step(): boolean {
    const tail = Atomics.load(words, tailOf(this.#lane, worker));
    const read = this.#file?.readAhead(tail) === true;
    const header = headerOf(this.#lane, tail);
    if (Atomics.load(words, header) !== ((tail + 1) | 0)) return read;
    this.#take(tail, Atomics.load(words, header + 1), Atomics.load(words, header + 2));
    this.#advance();
    return true;
  }

  #take(count: number, target: number, length: number): void {
    const slot = slotBytes(data, this.#lane, count);
    switch (target) {
      case BEGIN:
        this.#hashes.clear();
        this.#file = undefined;
        for (let n = worker; n < length; n += WORKERS) this.#hashes.set(n, createHash('sha256'));
        break;
      case EVERY_HASH:
        for (const hash of this.#hashes.values()) hash.update(slot.subarray(0, length));
        break;
      case READ_FILE:
        this.#file = this.#share(count, readSpan(slot.subarray(0, length)));
        break;
      case FINISH:
        for (const [n, hash] of this.#hashes) slot.set(hash.digest(), n * DIGEST_BYTES);
        this.#hashes.clear();
        this.#file = undefined;
        break;
      default:
        this.#hashes.get(target)?.update(slot.subarray(0, length));
    }
  }

  #share(count: number, span: FileSpan): FileShare {
    return new FileShare(ring, worker, this.#lane, (count + 1) | 0, span);
  }

  #advance(): void {
    const index = tailOf(this.#lane, worker);
    const tail = (Atomics.add(words, index, 1) + 1) | 0;
    Atomics.add(words, WAKE, 1);
    Atomics.notify(words, WAKE);
    // The calling thread waits for one tail. Waking it for each earlier slot would cost time.
    if (((tail - Atomics.load(words, awaitedOf(this.#lane))) | 0) >= 0) {
      Atomics.notify(words, index);
    }
  }
}

const lanes = Array.from({ length: LANES }, (_, lane) => new LaneWork(lane));
for (;;) {
  const wake = Atomics.load(words, WAKE);
  let idle = true;
  // One slot of each lane in turn, so that no stream waits for the end of another.
  for (const lane of lanes) if (lane.step()) idle = false;
  if (idle) Atomics.wait(words, WAKE, wake);
}
