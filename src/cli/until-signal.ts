/** How often the parent is looked at, in milliseconds. */
const PARENT_MS = 500;

/**
 * Resolves with the first signal that asks this process to end; later ones change nothing. The death of
 * the parent counts where npm is the caller: npx runs commands in a shell, and a shell that is told to
 * end does so without telling its child.
 */
export function untilSignal(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, resolve);
    if (env.npm_command === undefined) return;
    const parent = process.ppid;
    setInterval(() => {
      if (process.ppid !== parent) resolve('SIGHUP');
    }, PARENT_MS).unref();
  });
}
