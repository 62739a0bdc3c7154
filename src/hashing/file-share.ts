import { readSync } from 'node:fs';
import {
  ENDED_EARLY,
  EVERY_HASH,
  SLOTS,
  SLOT_BYTES,
  WAKE,
  WORKERS,
  headerOf,
  outcomeOf,
  slotBytes,
  slotsOf,
  stopOf,
  tailOf,
} from './ring.ts';
import type { FileSpan, RingMemory } from './ring.ts';

/** How many slots a worker fills before it hashes them, so that the other worker rarely waits. */
const AHEAD = 2;

/** One worker's share in reading a file into a lane: every WORKERS-th slot, starting with the worker's number. */
export class FileShare {
  readonly #memory: RingMemory;
  readonly #words: Int32Array;
  readonly #worker: number;
  readonly #lane: number;
  readonly #first: number;
  readonly #span: FileSpan;
  readonly #slots: number;
  #next: number;

  /** `first` is the count of the slot that takes the span's first bytes. */
  constructor(ring: RingMemory, worker: number, lane: number, first: number, span: FileSpan) {
    this.#memory = ring;
    this.#words = new Int32Array(ring.control);
    this.#worker = worker;
    this.#lane = lane;
    this.#first = first;
    this.#span = span;
    this.#slots = slotsOf(span);
    this.#next = worker;
  }

  /** Fills this worker's next slot if it is near `tail` and free. Returns true if it filled one. */
  readAhead(tail: number): boolean {
    const count = (this.#first + this.#next) | 0;
    if (this.#next >= this.#slots || ((count - tail) | 0) > AHEAD || !this.#free(count))
      return false;
    const length = this.#read(this.#next, slotBytes(this.#memory.data, this.#lane, count));
    const header = headerOf(this.#lane, count);
    Atomics.store(this.#words, header + 1, EVERY_HASH);
    Atomics.store(this.#words, header + 2, length);
    Atomics.store(this.#words, header, (count + 1) | 0);
    Atomics.add(this.#words, WAKE, 1);
    Atomics.notify(this.#words, WAKE);
    this.#next += WORKERS;
    return true;
  }

  #free(count: number): boolean {
    for (let worker = 0; worker < WORKERS; worker += 1) {
      const tail = Atomics.load(this.#words, tailOf(this.#lane, worker));
      if (((count - tail) | 0) >= SLOTS) return false;
    }
    return true;
  }

  /** Reads the span's `n`th part into `slot`. Returns the bytes read: 0 after a failure or a stop. */
  #read(n: number, slot: Uint8Array): number {
    const outcome = outcomeOf(this.#lane, this.#worker);
    if (Atomics.load(this.#words, outcome) !== 0) return 0;
    if (Atomics.load(this.#words, stopOf(this.#lane)) !== 0) return 0;
    const position = this.#span.start + n * SLOT_BYTES;
    const length = Math.min(SLOT_BYTES, this.#span.end - position);
    let filled = 0;
    try {
      while (filled < length) {
        const read = readSync(this.#span.fd, slot, filled, length - filled, position + filled);
        if (read === 0) {
          Atomics.store(this.#words, outcome, ENDED_EARLY);
          break;
        }
        filled += read;
      }
    } catch (error) {
      Atomics.store(this.#words, outcome, errorNumber(error));
    }
    return filled;
  }
}

function errorNumber(error: unknown): number {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return error.errno;
  }
  throw error;
}
