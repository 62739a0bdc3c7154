import type { Logger, LogLevel } from '../../log/logger.ts';
import { parseArguments, type OptionSpecs, type OptionValues } from './arguments.ts';
import type { ExitCode } from './exit.ts';
import { commandHelp } from './help.ts';
import { createLogger, LOG_OPTIONS, type LogValues } from './log-options.ts';
import type { Terminal } from './terminal.ts';
import type { CommandText } from './command-text.ts';

/** What a command is given. */
export interface Invocation<S extends OptionSpecs> {
  readonly values: OptionValues<S> & LogValues;
  readonly operands: readonly string[];
  readonly terminal: Terminal;
  /** To standard error, as `--log-level` and `--log-format` ask. */
  readonly log: Logger;
  /** Least level of messages that this command has without being told otherwise. */
  readonly logLevel: LogLevel;
}

export interface CommandDefinition<S extends OptionSpecs> extends CommandText<S> {
  /** Least level of messages without `--log-level`. `warn` when absent. */
  readonly logLevel?: LogLevel;
  run(invocation: Invocation<S>): Promise<ExitCode>;
}

/** A command ready to be run on the words after its name. */
export type Command = (argv: readonly string[], terminal: Terminal) => Promise<ExitCode>;

/** Makes a command of its definition: `--help`, the log options and the parsing are the same for all. */
export function defineCommand<const S extends OptionSpecs>(
  definition: CommandDefinition<S>,
): Command {
  const { logLevel = 'warn' } = definition;
  const specs = { ...definition.options, ...LOG_OPTIONS };
  return async (argv, terminal) => {
    const words = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
    if (words.includes('--help') || words.includes('-h')) {
      terminal.out(commandHelp({ ...definition, options: specs }));
      return 0;
    }
    const { values, operands } = parseArguments(argv, specs, definition.operands);
    const log = createLogger(values as LogValues, terminal, logLevel);
    return definition.run({
      values: values as OptionValues<S> & LogValues,
      operands,
      terminal,
      log,
      logLevel,
    });
  };
}
