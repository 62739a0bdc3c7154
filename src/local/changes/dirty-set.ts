import type { Logger } from '../../log/logger.ts';
import type { Outcome } from '../../pipeline/indexing/index-versions.ts';
import { errorText } from '../../log/error-text.ts';

export interface DirtySetParts {
  /**
   * Indexes all prefixes of a batch. The result needs only the prefixes that must be retried later. After a
   * rejection, the whole batch is retried later.
   */
  readonly work: (
    batch: readonly string[],
    signal: AbortSignal,
  ) => Promise<ReadonlyMap<string, Outcome>>;
  readonly log: Logger;
  /** From 0 to 1, for the jitter of retries. */
  readonly random: () => number;
}

/** The prefixes that must still be indexed, and the one runner that indexes them. */
export interface DirtySet {
  /** Marks prefixes as dirty. A prefix that is being indexed is indexed once more afterwards. */
  add(prefixes: Iterable<string>): void;
  /** Resolves when no prefix is dirty or being indexed. Prefixes that wait for a retry do not count. */
  idle(): Promise<void>;
  /** Aborts the current batch as soon as possible, and drops the rest. */
  close(): Promise<void>;
}

/** Milliseconds for which a batch collects prefixes after the first one. */
const GATHER_MS = 150;
const FIRST_BACKOFF_MS = 1000;
const LONGEST_BACKOFF_MS = 60_000;

/** Creates an empty set. The first `add` starts its work. */
export function createDirtySet({ work, log, random }: DirtySetParts): DirtySet {
  const abort = new AbortController();
  const dirty = new Set<string>();
  const waiting = new Map<string, NodeJS.Timeout>();
  const idlers: (() => void)[] = [];
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  function add(prefixes: Iterable<string>): void {
    if (abort.signal.aborted) return;
    for (const prefix of prefixes) {
      clearTimeout(waiting.get(prefix));
      waiting.delete(prefix);
      dirty.add(prefix);
    }
    schedule(GATHER_MS);
  }

  function schedule(delayMs: number): void {
    if (dirty.size === 0 || running || timer || abort.signal.aborted) return;
    timer = setTimeout(() => {
      timer = undefined;
      running = runBatch().finally(() => {
        running = undefined;
        if (failures === 0) schedule(GATHER_MS);
        else schedule(backoff());
        settleIdlers();
      });
    }, delayMs);
  }

  async function runBatch(): Promise<void> {
    const batch = [...dirty];
    dirty.clear();
    try {
      const outcomes = await work(batch, abort.signal);
      failures = 0;
      for (const prefix of batch) {
        const outcome = outcomes.get(prefix);
        if (outcome?.kind === 'again') postpone(prefix, outcome);
      }
    } catch (error) {
      if (abort.signal.aborted) return;
      failures++;
      for (const prefix of batch) dirty.add(prefix);
      const message = errorText(error);
      log('error', 'the index could not be updated and is retried', {
        error: message,
        versions: batch.length,
        failures,
      });
    }
  }

  function postpone(prefix: string, { afterMs, reason }: Outcome & { kind: 'again' }): void {
    if (dirty.has(prefix) || abort.signal.aborted) return;
    log('debug', 'a version is retried later', { prefix, afterMs, reason });
    const delay = Math.min(Math.max(afterMs, 0), 2 ** 31 - 1);
    const again = setTimeout(() => add([prefix]), delay);
    waiting.set(prefix, again);
  }

  /** Doubles with every failure in a row. Half of it is random. */
  function backoff(): number {
    const whole = Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), LONGEST_BACKOFF_MS);
    return whole / 2 + (random() * whole) / 2;
  }

  function settleIdlers(): void {
    if (running === undefined && dirty.size === 0)
      for (const resolve of idlers.splice(0)) resolve();
  }

  return {
    add,
    idle: () =>
      new Promise((resolve) => {
        idlers.push(resolve);
        settleIdlers();
      }),
    async close() {
      abort.abort();
      clearTimeout(timer);
      for (const again of waiting.values()) clearTimeout(again);
      waiting.clear();
      dirty.clear();
      await running;
      settleIdlers();
    },
  };
}
