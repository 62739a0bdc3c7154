import { jsonLogger, textLogger, type LogLevel, type Logger } from '../../log/logger.ts';
import { oneOf, type OptionSpecs } from './arguments.ts';
import type { Terminal } from './terminal.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** Options that every command has. */
export const LOG_OPTIONS = {
  'log-level': {
    type: 'string',
    value: 'LEVEL',
    help: 'Least level of messages on standard error: debug, info, warn or error. Default: as configured, else info for serve and watch and warn for the rest.',
  },
  'log-format': {
    type: 'string',
    value: 'FORMAT',
    help: 'Form of messages on standard error: text or json, one a line. Default: as configured, else text.',
  },
  help: { type: 'boolean', short: 'h', help: 'Print this help.' },
} as const satisfies OptionSpecs;

export interface LogValues {
  readonly 'log-level'?: string;
  readonly 'log-format'?: string;
}

/** The logger that the options ask for. Throws UsageError. */
export function createLogger(
  values: LogValues,
  terminal: Terminal,
  defaultLevel: LogLevel,
): Logger {
  const level = oneOf('--log-level', values['log-level'], LEVELS) ?? defaultLevel;
  const format = oneOf('--log-format', values['log-format'], ['text', 'json'] as const);
  return (format === 'json' ? jsonLogger : textLogger)((line) => terminal.err(line), level);
}
