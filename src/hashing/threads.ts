import { Worker } from 'node:worker_threads';
import { DigestLane } from './lane.ts';
import { LANES, WORKERS, createRingMemory } from './ring.ts';
import type { DigestWorkerData } from './digest-worker.ts';
import { threadEnv } from './thread-env.ts';

/** The digest threads and the memory that they share. If one thread fails, all are ended. */
export class DigestThreads {
  readonly #memory = createRingMemory();
  readonly #workers: readonly Worker[];
  readonly #lanes = Array.from(
    { length: LANES },
    (_, lane) => new DigestLane(this.#memory, lane, () => this.#alive()),
  );
  readonly #free = this.#lanes.toReversed();
  readonly #onEnd: () => void;
  #failure: Error | undefined;

  /** `onEnd` is called once, when the threads can no longer be used. */
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

  /** Reserves a lane for the caller; undefined if all are in use. */
  take(): DigestLane | undefined {
    const lane = this.#free.pop();
    // While a stream waits for a thread, the thread must keep the process alive.
    if (lane) for (const worker of this.#workers) worker.ref();
    return lane;
  }

  /** Returns a lane. The workers still process slots that are already published, without effect. */
  giveBack(lane: DigestLane): void {
    this.#free.push(lane);
    if (this.#free.length === LANES) for (const worker of this.#workers) worker.unref();
  }

  async #alive(): Promise<void> {
    if (!this.#failure) return;
    await this.#terminated();
    throw this.#failure;
  }

  async #terminated(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  /** Ends the threads. Streams that still wait for them fail with `reason`. */
  async end(reason: Error): Promise<void> {
    if (!this.#failure) {
      this.#failure = reason;
      this.#onEnd();
      for (const lane of this.#lanes) lane.wake();
    }
    await this.#terminated();
  }
}
