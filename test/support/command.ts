import { spawn } from 'node:child_process';

/** A command that did not exit with 0. The message has all that it wrote to stderr. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly stdout: string;
  readonly stderr: string;

  constructor(command: readonly string[], outcome: string, stdout: string, stderr: string) {
    super(`${command.join(' ')}: ${outcome}\n${stderr}${stderr === '' ? stdout : ''}`.trimEnd());
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

export interface CommandOptions {
  /**
   * Variables that are added to this process's environment; an undefined value removes the
   * variable.
   */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Written to the command's standard input; without it the input is empty. */
  readonly input?: string;
  /** Milliseconds after which the command is killed and the call fails; five minutes. */
  readonly timeout?: number;
}

/**
 * Runs a command to its end and returns what it wrote to standard output. Throws CommandError when
 * it does not exit with 0, or does not exist.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    timeout: options.timeout ?? 300_000,
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A command may exit without reading its input; that is no error here.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const outcome = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? '' : `exit ${code ?? signal ?? ''}`),
    );
  });
  const text = Buffer.concat(stdout).toString();
  if (outcome === '') return text;
  throw new CommandError([command, ...args], outcome, text, Buffer.concat(stderr).toString());
}
