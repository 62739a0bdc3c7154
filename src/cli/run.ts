import { CommanderError, type CommandUnknownOpts } from 'commander';

import { errorLines, exitCodeOf, UsageError, type ExitCode } from './console/exit.ts';
import type { ProgramRun } from './console/command.ts';
import type { Terminal } from './console/terminal.ts';
import { createProgram } from './program.ts';

/** Runs the program with the words after its name. Errors become one line on standard error. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const own: ProgramRun = { terminal, exitCode: 0 };
  const program = await createProgram(argv, own);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return own.exitCode;
  } catch (error) {
    // Help or the version was requested and is already printed.
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    // A sub-command is missing, and commander has already printed the help.
    if (error instanceof CommanderError && error.code === 'commander.help') return 2;
    const failure = error instanceof CommanderError ? usageError(error) : error;
    for (const line of errorLines(failure, wantsCauses(argv))) {
      terminal.err(`bucketstreams: ${line}\n`);
    }
    if (failure instanceof UsageError) {
      terminal.err(`Try \`${pathOf(program, argv).join(' ')} --help\`.\n`);
    }
    return exitCodeOf(failure);
  }
}

function usageError({ message }: CommanderError): UsageError {
  return new UsageError(message.replace(/^error: /, ''));
}

/** Returns the names of the program and of the commands in the words. */
function pathOf(program: CommandUnknownOpts, argv: readonly string[]): readonly string[] {
  let command = program;
  const path = [program.name()];
  for (const word of argv) {
    const child = command.commands.find((one) => one.name() === word);
    if (child === undefined) continue;
    command = child;
    path.push(word);
  }
  return path;
}

function wantsCauses(argv: readonly string[]): boolean {
  return argv.some(
    (word, at) =>
      word === '--log-level=debug' || (word === 'debug' && argv[at - 1] === '--log-level'),
  );
}
