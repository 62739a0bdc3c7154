/** Where a command reads its environment and writes its answer. */
export interface Terminal {
  /** To standard output: the answer itself. */
  out(text: string): void;
  /** To standard error: all else. */
  err(text: string): void;
  /** Whether a person looks at standard error: then progress may be drawn on it. */
  readonly interactive: boolean;
  /** Columns of that person's screen. */
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  for (const stream of [stdout, stderr]) {
    // `bucketstreams list | head` closes the pipe early: that is no failure of ours.
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
