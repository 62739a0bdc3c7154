import { setTimeout as delay } from 'node:timers/promises';

/**
 * Tries `attempt` until it neither throws nor gives undefined or false, and gives what it gave. After
 * `deadlineMs` the last failure is the test's: generous, because it only ends a test that fails anyway.
 * `pauseMs` is longer where an attempt costs what it waits for.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  deadlineMs = 60_000,
  pauseMs = 50,
): Promise<Exclude<T, undefined | false>> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    let failure: unknown;
    try {
      const value = await attempt();
      if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
      failure = new Error(`the condition did not hold within ${deadlineMs / 1000} s`);
    } catch (error) {
      failure = error;
    }
    if (Date.now() > deadline) throw failure;
    await delay(pauseMs);
  }
}
