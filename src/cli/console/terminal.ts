/** The environment and the outputs of a command. */
export interface Terminal {
  /** Writes the result to standard output. */
  out(text: string): void;
  /** Writes everything else to standard error. */
  err(text: string): void;
  /** True when standard error is a terminal: then progress may be drawn on it. */
  readonly interactive: boolean;
  /** Columns of the terminal. */
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  for (const stream of [stdout, stderr]) {
    // `bucketstreams list | head` closes the pipe early; that is not an error.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    interactive: stderr.isTTY && env.TERM !== 'dumb',
    get columns() {
      return stderr.columns || 80;
    },
    env,
  };
}
