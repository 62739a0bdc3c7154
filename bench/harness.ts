import { spawn } from 'node:child_process';

export interface Run {
  /** Seconds from the process's start to its end. */
  readonly seconds: number;
  readonly stdout: string;
}

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Runs a command to its end. The time includes the start of the process. */
export async function runOnce(command: readonly [string, ...string[]]): Promise<Run> {
  const [file, ...args] = command;
  const start = process.hrtime.bigint();
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<bigint>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => resolve(process.hrtime.bigint()));
  });
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const seconds = Number((await ended) - start) / 1e9;
  const code = await closed;
  if (code !== 0) throw new Error(`${command.join(' ')} exited with ${code ?? 'a signal'}`);
  return { seconds, stdout: Buffer.concat(chunks).toString() };
}

/**
 * Runs two commands in turn (A B A B …). A machine whose speed changes then slows both equally, so
 * ratios should be taken pair by pair. The first `warmUps` pairs do not count.
 */
export async function runPairs(
  a: readonly [string, ...string[]],
  b: readonly [string, ...string[]],
  { pairs, warmUps = 1 }: { readonly pairs: number; readonly warmUps?: number },
): Promise<readonly (readonly [Run, Run])[]> {
  const all: (readonly [Run, Run])[] = [];
  for (let n = 0; n < warmUps + pairs; n += 1) all.push([await runOnce(a), await runOnce(b)]);
  return all.slice(warmUps);
}

export function summarise(values: readonly number[]): Summary {
  const sorted = values.toSorted((x, y) => x - y);
  const at = (index: number) => sorted[index] ?? NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

/** One line of a report: what was measured, then `median (min to max)` with a unit. */
export function line(what: string, { median, min, max }: Summary, unit = '', digits = 2): string {
  const [mid, low, high] = [median, min, max].map((value) => value.toFixed(digits));
  return `${what.padEnd(44)} ${mid ?? ''}${unit} (${low ?? ''} to ${high ?? ''})`;
}
