/** Resolves after some time, or when the signal aborts. */
type Wait = (signal: AbortSignal) => Promise<void>;

/** Keeps workers free for small jobs: at most `limit` running jobs are larger than `over` bytes. */
export interface LargeLimit {
  readonly over: number;
  readonly limit: number;
}

/**
 * Runs reads and copies in the background, the smallest first, so that small ones do not wait for large ones.
 * The caller takes results in groups and commits them.
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

  /** True when no job runs or waits, and no result is left. */
  get isEmpty(): boolean {
    return this.#running === 0 && this.#waiting.length === 0 && this.#finished.size === 0;
  }

  add(id: string, size: number, run: () => Promise<R>): void {
    this.#waiting.push({ id, size, run });
    this.#isSorted = false;
    // Not at once: jobs that are added together must be sorted first.
    queueMicrotask(() => this.#next());
  }

  /**
   * Waits for a result, or until `longest` resolves. Then waits until `gathering` resolves or every job has
   * ended, and takes all results. Rejects when a job threw.
   */
  async take(
    gathering: Wait,
    longest: Wait = () => new Promise(() => undefined),
  ): Promise<ReadonlyMap<string, R>> {
    await this.#while(longest, () => this.#finished.size === 0);
    if (this.#finished.size > 0) await this.#while(gathering, () => true);
    if (this.#failure !== undefined) throw this.#failure.error;
    const taken = new Map(this.#finished);
    this.#finished.clear();
    return taken;
  }

  /** Waits while `isWaiting` returns true and jobs are left, until `limit` resolves. */
  async #while(limit: Wait, isWaiting: () => boolean): Promise<void> {
    const enough = new AbortController();
    const state = { isOver: false };
    void limit(enough.signal).then(() => {
      state.isOver = true;
      this.#wake?.();
    });
    while (!state.isOver && isWaiting() && !this.#ended()) await this.#progress();
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
      // All other waiting jobs are at least as large.
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
