import type { EndSignal } from './exit.ts';

/** Milliseconds between two checks of the parent process. */
const PARENT_MS = 500;
const SIGNALS: readonly EndSignal[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];
type Env = Readonly<Record<string, string | undefined>>;

/**
 * Calls `listener` for each signal that asks this process to end, until the result is disposed of. Under npm, the
 * end of the parent process counts as a signal too. npx runs commands in a shell, and a shell that a signal ends
 * does not forward the signal.
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

/** Resolves with the first such signal and ignores later ones. */
export function untilSignal(env: Env = process.env): Promise<EndSignal> {
  return new Promise((resolve) => onEndSignal(resolve, env));
}
