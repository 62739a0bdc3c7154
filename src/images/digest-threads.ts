import { getCompileCacheDir } from 'node:module';
import { Worker } from 'node:worker_threads';
import {
  LANES,
  SLOTS,
  WAKE,
  WORKERS,
  createRingMemory,
  headOf,
  headerOf,
  slotBytes,
  tailOf,
} from './digest-ring.ts';
import type { DigestWorkerData } from './digest-worker.ts';

/** The calling thread's end of one ring. Used by one stream at a time. */
export interface Lane {
  /** The next slot's memory, once every worker is done with it. Rejects when the threads are gone. */
  slot(): Promise<Uint8Array>;
  /** Hands the slot over, with a target and a length as in the ring's description. */
  publish(target: number, length: number): void;
  /** Resolves to the memory of the slot published last, once every worker has passed it. */
  drained(): Promise<Uint8Array>;
  /** Gives the lane back. Slots that are still on their way are read by the workers and come to nothing. */
  release(): void;
}

/** A set of digest threads and the memory they share. When one of them fails, all are given up. */
export class DigestThreads {
  readonly #memory = createRingMemory();
  readonly #words = new Int32Array(this.#memory.control);
  readonly #workers: readonly Worker[];
  readonly #free = Array.from({ length: LANES }, (_, lane) => LANES - 1 - lane);
  readonly #onEnd: () => void;
  #failure: Error | undefined;

  /** `onEnd` is called once, when the threads are no longer of use. */
  constructor(workerUrl: URL, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#workers = Array.from({ length: WORKERS }, (_, worker) => this.#start(workerUrl, worker));
  }

  #start(url: URL, index: number): Worker {
    const workerData: DigestWorkerData = { ...this.#memory, worker: index };
    // The flags of the calling process (--test, --import …) are not meant for these threads.
    const worker = new Worker(url, { name: 'digest', workerData, execArgv: [], env: threadEnv() });
    worker.unref();
    const failed = (why: string, cause?: unknown) => {
      void this.end(new Error(`A digest thread (${url.href}) ${why}. Try again.`, { cause }));
    };
    worker.on('error', (error) => failed(`failed: ${String(error)}`, error));
    worker.on('exit', (code) => failed(`ended unexpectedly with code ${code}`));
    return worker;
  }

  /** A lane of one's own, or undefined when all are taken. */
  take(): Lane | undefined {
    const lane = this.#free.pop();
    if (lane === undefined) return undefined;
    // What waits for an idle thread must keep the process alive.
    for (const worker of this.#workers) worker.ref();
    let count = Atomics.load(this.#words, headOf(lane));
    return {
      slot: async () => {
        await this.#passed(lane, count, SLOTS - 1);
        return slotBytes(this.#memory.data, lane, count);
      },
      publish: (target, length) => {
        const header = headerOf(lane, count);
        Atomics.store(this.#words, header, target);
        Atomics.store(this.#words, header + 1, length);
        count = (count + 1) | 0;
        Atomics.store(this.#words, headOf(lane), count);
        Atomics.add(this.#words, WAKE, 1);
        Atomics.notify(this.#words, WAKE);
      },
      drained: async () => {
        await this.#passed(lane, count, 0);
        return slotBytes(this.#memory.data, lane, count - 1);
      },
      release: () => {
        this.#free.push(lane);
        if (this.#free.length === LANES) for (const worker of this.#workers) worker.unref();
      },
    };
  }

  /** Resolves when no worker is more than `distance` slots behind `count`. */
  async #passed(lane: number, count: number, distance: number): Promise<void> {
    for (let worker = 0; worker < WORKERS; worker += 1) {
      const index = tailOf(lane, worker);
      for (;;) {
        if (this.#failure) throw this.#failure;
        const tail = Atomics.load(this.#words, index);
        // In 32 bits, as the counts wrap.
        if (((count - tail) | 0) <= distance) break;
        const waiting = Atomics.waitAsync(this.#words, index, tail);
        if (waiting.async) await waiting.value;
      }
    }
  }

  /** Ends the threads; whoever still waits for them is told `reason`. */
  async end(reason: Error): Promise<void> {
    if (!this.#failure) {
      this.#failure = reason;
      this.#onEnd();
      for (let lane = 0; lane < LANES; lane += 1) {
        for (let worker = 0; worker < WORKERS; worker += 1) {
          Atomics.notify(this.#words, tailOf(lane, worker));
        }
      }
    }
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/** A compile cache that the process switched on by a call would else not be known to its threads. */
function threadEnv(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  return cache === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: cache };
}
