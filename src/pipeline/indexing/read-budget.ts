/** Bytes per second that a function reads and hashes at least. It is used until a rate is measured. */
const ASSUMED_RATE = 40_000_000;
/** The part of the time left that is kept for the commit and the publication, in milliseconds. */
const RESERVE = 15_000;

export interface ReadLimits {
  /** Milliseconds since 1970 at which the invocation ends. */
  readonly deadline?: number;
  /** How long an invocation may last from its start, in milliseconds. */
  readonly invocationMs?: number;
}

/** Decides which reads can end before the invocation ends. Without limits, every read can. */
export class ReadBudget {
  readonly #limits: ReadLimits;
  readonly #now: () => number;
  #rate = ASSUMED_RATE;

  constructor(limits: ReadLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Returns true when this many bytes can be read in the time that is left. */
  fits(bytes: number): boolean {
    const { deadline } = this.#limits;
    return deadline === undefined || this.#now() + this.#milliseconds(bytes) + RESERVE <= deadline;
  }

  /** Returns true when a whole invocation is long enough to read this many bytes. */
  everFits(bytes: number): boolean {
    const { invocationMs } = this.#limits;
    return invocationMs === undefined || this.#milliseconds(bytes) + RESERVE <= invocationMs;
  }

  /** Measures a read of this many bytes. The caller calls the returned function when the read ends. */
  start(bytes: number): () => void {
    const began = this.#now();
    return () => {
      const seconds = (this.#now() - began) / 1000;
      // Small reads measure latency more than the rate.
      if (bytes > 16_000_000 && seconds > 0) this.#rate = Math.max(1_000_000, bytes / seconds / 2);
    };
  }

  #milliseconds(bytes: number): number {
    return (bytes / this.#rate) * 1000;
  }
}
