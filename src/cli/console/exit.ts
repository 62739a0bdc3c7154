import { inspect } from 'node:util';

import { ConfigError } from '../../config/config-error.ts';
import { isStoreError } from '../../storage/errors.ts';
import { CredentialsError } from '../../storage/s3/credentials.ts';

/**
 * The exit codes for scripts.
 *
 * - 0: done
 * - 1: the check or operation failed
 * - 2: wrong usage or configuration
 * - 3: the store cannot be reached or denies access
 * - 129, 130 and 143: stopped by a signal
 */
export type ExitCode = 0 | 1 | 2 | 3 | 129 | 130 | 143;

/** The signals that ask a process to end. */
export type EndSignal = 'SIGHUP' | 'SIGINT' | 'SIGTERM';

/** The command line is wrong. `message` says what is wrong and what to write instead. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The operation failed for a reason that the user must know. Exit code 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** A signal ended the command. `what` describes the state of its work. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
  readonly signal: EndSignal;

  constructor(signal: EndSignal, what: string) {
    super(`stopped by ${signal}; ${what}`);
    this.signal = signal;
  }
}

/** Returns 128 plus the signal's number, as shells do. */
export function exitCodeOfSignal(signal: EndSignal): ExitCode {
  return SIGNAL_CODES[signal];
}

const SIGNAL_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Returns the exit code for an error that ended a command. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof StoppedError) return exitCodeOfSignal(error.signal);
  const asks = [UsageError, ConfigError, CredentialsError];
  if (asks.some((kind) => error instanceof kind)) return 2;
  // A command ends with `not_found` only when the bucket or the directory itself is missing.
  return isStoreError(error, 'access_denied', 'unavailable', 'not_found') ? 3 : 1;
}

/** Returns one line for a person, without the line feed. With `causes`, adds a line for each cause. */
export function errorLines(error: unknown, causes: boolean): string[] {
  const lines = [oneLine(textOf(error))];
  let cause = error instanceof Error ? error.cause : undefined;
  while (causes && cause !== undefined && lines.length < 10) {
    lines.push(`caused by ${nameOf(cause) ?? 'a value'}: ${oneLine(textOf(cause))}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return lines;
}

/** Removes line breaks and replaces control characters that a terminal would execute. */
export function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are the point
  return text.replace(/\s*[\r\n]+\s*/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : inspect(error);
}
