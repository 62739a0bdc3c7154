import type { Command, OptionValues } from 'commander';

import { jsonLogger, textLogger, type LogLevel, type Logger } from '../../log/logger.ts';
import { choice } from './options.ts';
import type { Terminal } from './terminal.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[];

export interface LogValues {
  readonly logLevel?: LogLevel;
  readonly logFormat?: 'text' | 'json';
}

/** Adds the options that every command has. */
export function withLogOptions<A extends unknown[], O extends OptionValues, G extends OptionValues>(
  command: Command<A, O, G>,
) {
  return command
    .addOption(
      choice(
        '--log-level <LEVEL>',
        'Least level of messages on standard error. Default: as configured, else info for serve, watch and gateway and warn for the rest.',
        LEVELS,
      ),
    )
    .addOption(
      choice(
        '--log-format <FORMAT>',
        'Form of messages on standard error, one a line. Default: as configured, else text.',
        ['text', 'json'],
      ),
    );
}

/** Creates the logger for the options. */
export function createLogger(
  { logLevel, logFormat }: LogValues,
  terminal: Terminal,
  defaultLevel: LogLevel,
): Logger {
  const create = logFormat === 'json' ? jsonLogger : textLogger;
  return create((line) => terminal.err(line), logLevel ?? defaultLevel);
}
