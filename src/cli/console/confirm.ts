import { createInterface } from 'node:readline/promises';

import { CommandError, UsageError } from './exit.ts';
import type { Terminal } from './terminal.ts';

/**
 * Shows the planned changes and continues only after a `y`. Throws UsageError when no person can answer, and
 * CommandError when the answer is no.
 */
export async function confirm(terminal: Terminal, plan: string, question: string): Promise<void> {
  if (!terminal.interactive || !process.stdin.isTTY) {
    throw new UsageError(
      'there is no terminal to ask for confirmation; add --yes to do it, or --dry-run to see what would be done',
    );
  }
  terminal.err(plan);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('nothing was done');
  } finally {
    lines.close();
  }
}
