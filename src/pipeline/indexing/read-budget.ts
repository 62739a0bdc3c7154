/** Bytes per second that a function surely reads and hashes, until it has measured itself. */
const ASSUMED_RATE = 40_000_000;
/** Of the time left, what is kept for the commit and the publication, in milliseconds. */
const RESERVE = 15_000;

export interface ReadLimits {
  /** Milliseconds since 1970 at which the invocation ends. */
  readonly deadline?: number;
  /** How long an invocation may last from its start, in milliseconds. */
  readonly invocationMs?: number;
}

/** Decides what can still be read before the invocation ends. Without limits everything can. */
export class ReadBudget {
  readonly #limits: ReadLimits;
  readonly #now: () => number;
  #rate = ASSUMED_RATE;

  constructor(limits: ReadLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Whether so many bytes can be read in the time that is left. */
  fits(bytes: number): boolean {
    const { deadline } = this.#limits;
    return deadline === undefined || this.#now() + this.#milliseconds(bytes) + RESERVE <= deadline;
  }

  /** Whether a whole invocation would do. */
  everFits(bytes: number): boolean {
    const { invocationMs } = this.#limits;
    return invocationMs === undefined || this.#milliseconds(bytes) + RESERVE <= invocationMs;
  }

  /** Times a read of so many bytes; the returned function ends it. */
  start(bytes: number): () => void {
    const began = this.#now();
    return () => {
      const seconds = (this.#now() - began) / 1000;
      // Small reads tell more of latency than of the rate.
      if (bytes > 16_000_000 && seconds > 0) this.#rate = Math.max(1_000_000, bytes / seconds / 2);
    };
  }

  #milliseconds(bytes: number): number {
    return (bytes / this.#rate) * 1000;
  }
}
