import { oneLine, StoppedError, exitCodeOfSignal } from './exit.ts';
import type { Terminal } from './terminal.ts';
import { onEndSignal } from './until-signal.ts';
import { errorText } from '../../log/error-text.ts';

/**
 * Milliseconds in which a second signal is ignored. A terminal signals a whole process group, and npm and the
 * launcher forward the signal too: the process receives it twice.
 */
const ECHO_MS = 500;

/**
 * Runs work that a signal can stop. The first signal aborts the work's AbortSignal, and the work has time to
 * delete what it stored. A second signal ends the process immediately. When the work fails after a signal, this
 * rejects with StoppedError. When the work rejects with the AbortSignal's reason, nothing is left.
 */
export async function stoppable<T>(
  terminal: Terminal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  let stopped: { readonly error: StoppedError; readonly at: number } | undefined;
  const listening = onEndSignal((signal) => {
    const now = performance.now();
    if (stopped && now - stopped.at >= ECHO_MS) process.exit(exitCodeOfSignal(signal));
    if (stopped) return;
    stopped = { error: new StoppedError(signal, 'nothing of it is left'), at: now };
    outliveReaders();
    terminal.err(
      `bucketstreams: ${signal}: stopping, and deleting incomplete work; once more ends at once\n`,
    );
    abort.abort(stopped.error);
  }, terminal.env);
  try {
    return await work(abort.signal);
  } catch (error) {
    if (!stopped || error instanceof StoppedError) throw error;
    const what = errorText(error);
    throw new StoppedError(stopped.error.signal, oneLine(what));
  } finally {
    listening[Symbol.dispose]();
  }
}

/**
 * The same signal may end the program that reads our output, or close the terminal. That must not interrupt the
 * cleanup.
 */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error').on('error', () => undefined);
  }
}
