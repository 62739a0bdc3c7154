/** Resolves after some time, or when the signal aborts. */
type Wait = (signal: AbortSignal) => Promise<void>;

/** Keeps places free for what is small: at most `limit` of those that run are larger than `over` bytes. */
export interface LargeLimit {
  readonly over: number;
  readonly limit: number;
}

/**
 * Runs reads and copies in the background, the smallest first, so that what is small is not kept waiting by
 * what is large. Results are taken in groups by whoever commits them.
 */
export class ReadPool<R> {
  readonly #limit: number;
  readonly #waiting: {
    readonly id: string;
    readonly size: number;
    readonly run: () => Promise<R>;
  }[] = [];
  readonly #finished = new Map<string, R>();
  readonly #large: LargeLimit;
  #isSorted = true;
  #running = 0;
  #runningLarge = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(limit: number, large: LargeLimit = { over: Infinity, limit }) {
    this.#limit = limit;
    this.#large = large;
  }

  /** Whether nothing runs, waits or is to be taken. */
  get isEmpty(): boolean {
    return this.#running === 0 && this.#waiting.length === 0 && this.#finished.size === 0;
  }

  add(id: string, size: number, run: () => Promise<R>): void {
    this.#waiting.push({ id, size, run });
    this.#isSorted = false;
    // Not at once: what is added in the same breath is to be sorted first.
    queueMicrotask(() => this.#next());
  }

  /**
   * Waits for a result, or until `most` resolves, then until `patience` resolves or everything has ended,
   * and takes all there are. Rejects when a read threw.
   */
  async take(
    patience: Wait,
    most: Wait = () => new Promise(() => undefined),
  ): Promise<ReadonlyMap<string, R>> {
    await this.#while(most, () => this.#finished.size === 0);
    if (this.#finished.size > 0) await this.#while(patience, () => true);
    if (this.#failure !== undefined) throw this.#failure.error;
    const taken = new Map(this.#finished);
    this.#finished.clear();
    return taken;
  }

  /** Waits while there is something to wait for, until `limit` resolves. */
  async #while(limit: Wait, isWaiting: () => boolean): Promise<void> {
    const enough = new AbortController();
    const state = { patient: true };
    void limit(enough.signal).then(() => {
      state.patient = false;
      this.#wake?.();
    });
    while (state.patient && isWaiting() && !this.#ended()) await this.#progress();
    enough.abort();
  }

  #ended(): boolean {
    return this.#failure !== undefined || (this.#running === 0 && this.#waiting.length === 0);
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #next(): void {
    if (!this.#isSorted) this.#waiting.sort((a, b) => b.size - a.size);
    this.#isSorted = true;
    while (this.#running < this.#limit && this.#failure === undefined) {
      const job = this.#waiting.at(-1);
      if (job === undefined) return;
      const isLarge = job.size > this.#large.over;
      // All others that wait are as large.
      if (isLarge && this.#runningLarge >= this.#large.limit) return;
      this.#waiting.pop();
      this.#running += 1;
      if (isLarge) this.#runningLarge += 1;
      void job
        .run()
        .then((result) => void this.#finished.set(job.id, result))
        .catch((error: unknown) => (this.#failure = { error }))
        .finally(() => {
          this.#running -= 1;
          if (isLarge) this.#runningLarge -= 1;
          this.#next();
          this.#wake?.();
        });
    }
  }
}
