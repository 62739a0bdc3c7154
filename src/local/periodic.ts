export interface Periodic {
  /** Aborts the current run and starts no other. */
  close(): Promise<void>;
}

/** The wait after the first failure. It doubles with each further failure, up to the usual interval. */
const FIRST_RETRY_MS = 5000;

/**
 * Runs `task` first after `everyMs` milliseconds, then `everyMs` after the end of each run; sooner after a
 * failure. `task` fails by rejecting; `onFailure` reports that.
 */
export function repeat(
  everyMs: number,
  task: (signal: AbortSignal) => Promise<void>,
  onFailure: (error: unknown) => void,
  { failed = false }: { readonly failed?: boolean } = {},
): Periodic {
  const abort = new AbortController();
  let failures = failed ? 1 : 0;
  let running = Promise.resolve();
  let timer = schedule();

  function schedule(): NodeJS.Timeout {
    const retry = FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20);
    return setTimeout(
      () => {
        running = run();
      },
      failures > 0 ? Math.min(retry, everyMs) : everyMs,
    );
  }

  async function run(): Promise<void> {
    try {
      await task(abort.signal);
      failures = 0;
    } catch (error) {
      if (abort.signal.aborted) return;
      failures++;
      onFailure(error);
    }
    if (!abort.signal.aborted) timer = schedule();
  }

  return {
    async close() {
      abort.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
