/**
 * Runs reads in the background, the smallest first, so that what is small is not kept waiting by what is
 * large. Results are taken in groups by whoever commits them.
 */
export class ReadPool<R> {
  readonly #limit: number;
  readonly #waiting: {
    readonly id: string;
    readonly size: number;
    readonly run: () => Promise<R>;
  }[] = [];
  readonly #finished = new Map<string, R>();
  #running = 0;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether nothing runs, waits or is to be taken. */
  get isEmpty(): boolean {
    return this.#running === 0 && this.#waiting.length === 0 && this.#finished.size === 0;
  }

  add(id: string, size: number, run: () => Promise<R>): void {
    this.#waiting.push({ id, size, run });
    this.#waiting.sort((a, b) => b.size - a.size);
    // Not at once: what is added in the same breath is to be sorted first.
    queueMicrotask(() => this.#next());
  }

  /**
   * Waits for a result, then until `patience` resolves or everything has ended, and takes all there are.
   * Rejects when a read threw.
   */
  async take(patience: (signal: AbortSignal) => Promise<void>): Promise<ReadonlyMap<string, R>> {
    while (this.#finished.size === 0 && !this.#ended()) await this.#progress();
    const enough = new AbortController();
    const state = { patient: true };
    const over = patience(enough.signal).then(() => {
      state.patient = false;
      this.#wake?.();
    });
    while (state.patient && !this.#ended()) await this.#progress();
    enough.abort();
    await over;
    if (this.#failure !== undefined) throw this.#failure.error;
    const taken = new Map(this.#finished);
    this.#finished.clear();
    return taken;
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
    while (this.#running < this.#limit && this.#failure === undefined) {
      const job = this.#waiting.pop();
      if (job === undefined) return;
      this.#running += 1;
      void job
        .run()
        .then((result) => void this.#finished.set(job.id, result))
        .catch((error: unknown) => (this.#failure = { error }))
        .finally(() => {
          this.#running -= 1;
          this.#next();
          this.#wake?.();
        });
    }
  }
}
