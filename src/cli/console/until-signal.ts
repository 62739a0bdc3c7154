import type { EndSignal } from './exit.ts';

/** How often the parent is looked at, in milliseconds. */
const PARENT_MS = 500;
const SIGNALS: readonly EndSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];
type Env = Readonly<Record<string, string | undefined>>;

/**
 * Calls `listener` with each signal that asks this process to end, until the result is disposed of. The death
 * of the parent counts where npm is the caller: npx runs commands in a shell, and a shell that is told to
 * end does so without telling its child.
 */
export function onEndSignal(listener: (signal: EndSignal) => void, env: Env): Disposable {
  const handlers = SIGNALS.map((signal) => [signal, () => listener(signal)] as const);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  const parent = process.ppid;
  const watch =
    env['npm_command'] === undefined
      ? undefined
      : setInterval(() => {
          if (process.ppid === parent) return;
          clearInterval(watch);
          listener('SIGHUP');
        }, PARENT_MS).unref();
  return {
    [Symbol.dispose]: () => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
      clearInterval(watch);
    },
  };
}

/** Resolves with the first such signal; later ones change nothing. */
export function untilSignal(env: Env = process.env): Promise<EndSignal> {
  return new Promise((resolve) => onEndSignal(resolve, env));
}
