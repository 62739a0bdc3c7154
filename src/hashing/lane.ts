import {
  READ_FILE,
  READ_WELL,
  SLOTS,
  WAKE,
  WORKERS,
  awaitedOf,
  headerOf,
  outcomeOf,
  slotBytes,
  slotsOf,
  stopOf,
  tailOf,
  writeSpan,
} from './ring.ts';
import type { FileSpan, RingMemory } from './ring.ts';

/** The calling thread's side of one ring. One stream at a time uses it. */
export class DigestLane {
  readonly #memory: RingMemory;
  readonly #words: Int32Array;
  readonly #lane: number;
  readonly #alive: () => Promise<void>;
  /** Slots filled since the start, including those that workers fill from files. */
  #count = 0;

  /** `alive` resolves at once while the threads run. It rejects after they ended and use no memory any more. */
  constructor(memory: RingMemory, lane: number, alive: () => Promise<void>) {
    this.#memory = memory;
    this.#words = new Int32Array(memory.control);
    this.#lane = lane;
    this.#alive = alive;
  }

  /** Resolves to the next slot's memory when no worker uses it any more. Rejects if the threads have ended. */
  async slot(): Promise<Uint8Array> {
    await this.#passed(SLOTS - 1);
    return slotBytes(this.#memory.data, this.#lane, this.#count);
  }

  /** Passes the slot to the workers. See `ring.ts` for targets and lengths. */
  publish(target: number, length: number): void {
    const header = headerOf(this.#lane, this.#count);
    Atomics.store(this.#words, header + 1, target);
    Atomics.store(this.#words, header + 2, length);
    this.#count = (this.#count + 1) | 0;
    Atomics.store(this.#words, header, this.#count);
    Atomics.add(this.#words, WAKE, 1);
    Atomics.notify(this.#words, WAKE);
  }

  /**
   * Lets the workers read a file. Resolves at the end, to READ_WELL or to the first other outcome. The
   * descriptor must stay open until the promise settles; it is not used after that. Aborting `signal` ends
   * the reading early.
   */
  async readFile(span: FileSpan, signal: AbortSignal): Promise<number> {
    const slot = await this.slot();
    const outcomes = Array.from({ length: WORKERS }, (_, worker) => outcomeOf(this.#lane, worker));
    for (const outcome of outcomes) Atomics.store(this.#words, outcome, READ_WELL);
    Atomics.store(this.#words, stopOf(this.#lane), signal.aborted ? 1 : 0);
    const stop = () => void Atomics.store(this.#words, stopOf(this.#lane), 1);
    signal.addEventListener('abort', stop, { once: true });
    try {
      this.publish(READ_FILE, writeSpan(slot, span));
      this.#count = (this.#count + slotsOf(span)) | 0;
      await this.#passed(0);
    } finally {
      signal.removeEventListener('abort', stop);
    }
    return outcomes.map((index) => Atomics.load(this.#words, index)).find(Boolean) ?? READ_WELL;
  }

  /** Resolves to the memory of the last published slot when every worker has processed it. */
  async drained(): Promise<Uint8Array> {
    await this.#passed(0);
    return slotBytes(this.#memory.data, this.#lane, this.#count - 1);
  }

  /** Wakes all waits for a worker, so that they check again whether the threads run. */
  wake(): void {
    for (let worker = 0; worker < WORKERS; worker += 1) {
      Atomics.notify(this.#words, tailOf(this.#lane, worker));
    }
  }

  /** Resolves when every worker is at most `distance` slots behind. */
  async #passed(distance: number): Promise<void> {
    const awaited = (this.#count - distance) | 0;
    Atomics.store(this.#words, awaitedOf(this.#lane), awaited);
    for (let worker = 0; worker < WORKERS; worker += 1) {
      const index = tailOf(this.#lane, worker);
      for (;;) {
        await this.#alive();
        const tail = Atomics.load(this.#words, index);
        // Compared in 32 bits, because the counts wrap.
        if (((tail - awaited) | 0) >= 0) break;
        const waiting = Atomics.waitAsync(this.#words, index, tail);
        if (waiting.async) await waiting.value;
      }
    }
  }
}
