import { Command, Option, type CommandUnknownOpts, type ParseOptionsResult } from 'commander';

import { UsageError, type ExitCode } from './exit.ts';
import type { Terminal } from './terminal.ts';

const HELP_WIDTH = 92;

/** One run of the program. */
export interface ProgramRun {
  readonly terminal: Terminal;
  /** 0 until the command sets another code. */
  exitCode: ExitCode;
}

/**
 * A commander command that writes to the run's terminal and never ends the process. For help, the version and a
 * wrong command line it throws a CommanderError.
 */
export class ConsoleCommand extends Command {
  readonly #run: ProgramRun;

  constructor(name: string | undefined, run: ProgramRun) {
    super(name);
    this.#run = run;
    this.exitOverride()
      .helpOption('-h, --help', 'Print this help.')
      .helpCommand(false)
      .configureHelp({ helpWidth: HELP_WIDTH })
      .configureOutput({
        writeOut: (text) => run.terminal.out(text),
        writeErr: (text) => run.terminal.err(text),
        // `run` prints errors, in one line.
        outputError: () => undefined,
      });
  }

  override createCommand(name?: string): Command {
    return new ConsoleCommand(name, this.#run);
  }

  override parseOptions(argv: string[]): ParseOptionsResult {
    checkForms(argv, this.options);
    return super.parseOptions(argv);
  }
}

/**
 * Rejects two forms that commander accepts with another meaning: `--store --json`, where the value is probably
 * missing, and `--json=yes`.
 */
function checkForms(argv: readonly string[], options: readonly Option[]): void {
  for (let at = 0; at < argv.length && argv[at] !== '--'; at++) {
    const word = argv[at] ?? '';
    const [name, inline] = word.split('=', 2);
    const option = options.find(({ long, short }) => long === name || short === name);
    if (option === undefined) continue;
    if (!option.required) {
      if (inline !== undefined) throw new UsageError(`${name} takes no value`);
    } else if (inline === undefined) {
      checkValue(word, argv[++at]);
    }
  }
}

function checkValue(name: string, given: string | undefined): void {
  if (given === undefined || given === '-' || !given.startsWith('-')) return;
  throw new UsageError(
    `${name} needs a value, and the next word is ${given}; write ${name}=${given} if that is meant`,
  );
}

/** Returns a text with command lines to copy, for the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nFor example:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

/** Accepts the options of a sub-command before its name too: `mirror --json sync`. */
export function acceptBefore(parent: CommandUnknownOpts, child: CommandUnknownOpts): void {
  const known = new Set(parent.options.map(({ long }) => long));
  for (const option of child.options.filter(({ long }) => !known.has(long))) {
    parent.addOption(Object.assign(new Option(option.flags), option, { hidden: true }));
  }
}
