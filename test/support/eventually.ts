import { setTimeout as delay } from 'node:timers/promises';

/**
 * Repeats `attempt` until it neither throws nor gives undefined or false. Gives its result. After
 * `deadlineMs` it throws the last failure; the deadline is generous, because it only ends a test
 * that fails. Use a longer `pauseMs` where an attempt takes resources from the work that it waits
 * for.
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
