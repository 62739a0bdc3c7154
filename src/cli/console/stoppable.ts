import { oneLine, StoppedError, exitCodeOfSignal } from './exit.ts';
import type { Terminal } from './terminal.ts';
import { onEndSignal } from './until-signal.ts';
import { errorText } from '../../log/error-text.ts';

/** A terminal tells a whole group, and npm and the launcher pass on what they get: the same signal twice. */
const ECHO_MS = 500;

/**
 * Runs work that a signal stops: the first aborts the work's AbortSignal and gives it the time to take away
 * what it has begun, one more ends the process at once. Rejects with StoppedError then; work that rejects with
 * the AbortSignal's reason says by it that nothing is left.
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
      `bucketstreams: ${signal}: stopping, and taking away what is half done; once more ends at once\n`,
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

/** Whoever reads the output may be told to end too, or the terminal is gone: that must not cut this short. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error').on('error', () => undefined);
  }
}
