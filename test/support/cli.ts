import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { openRemote } from '../../src/sources/streams/public-server.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/bucketstreams.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Runs the real command line to its end. The function does not throw, whatever the exit code is.
 */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<Ended> {
  return startCli(args, options).ended;
}

/** Runs a command that must succeed. Gives what it printed. */
export async function cliOutput(
  args: readonly string[],
  options: CliOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, options);
  if (code !== 0)
    throw new Error(`${args.join(' ')}: exit code ${String(code)}\n${stdout}${stderr}`);
  return stdout;
}

export interface RunningCli {
  readonly child: ChildProcess;
  /** The output so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
}

/** Starts the real command line as a separate process. */
export function startCli(args: readonly string[], { cwd, env }: CliOptions = {}): RunningCli {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd,
    env: { ...process.env, BUCKETSTREAMS_STORE: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(() => ({
    code: child.exitCode,
    signal: child.signalCode,
    stdout,
    stderr,
  }));
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

export interface Server extends RunningCli {
  readonly url: string;
  /** Reads a path over HTTPS, and trusts only the server's own authority. */
  get(path: string): Promise<Buffer>;
  /** The public images.json, decoded. */
  images(): Promise<PublicImages>;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
}

export interface PublicImages {
  readonly generation: { readonly catalog: number };
  readonly products: Readonly<
    Record<
      string,
      {
        readonly versions: Readonly<
          Record<string, { readonly items: Readonly<Record<string, PublicItem>> }>
        >;
      }
    >
  >;
}

export interface PublicItem {
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
  readonly combined_squashfs_sha256?: string;
}

/** Starts `serve` on a directory at a free port. Waits for the line with its URL. */
export async function startServe(
  directory: string,
  args: readonly string[] = [],
  options: CliOptions = {},
): Promise<Server> {
  const settle = args.includes('--settle') ? [] : ['--settle', '0.3'];
  const running = startCli(
    ['serve', '--store', `file:${directory}`, '--port', '0', ...settle, ...args],
    options,
  );
  const url = await firstLine(running);
  const get = async (path: string) => {
    const pem = await readFile(join(directory, '.bucketstreams/tls/ca.crt'), 'utf8');
    const remote = openRemote(url, { authority: { pem, system: [] } });
    try {
      const chunks = (await remote.open(path)) as AsyncIterable<Buffer>;
      const read: Buffer[] = [];
      for await (const chunk of chunks) read.push(chunk);
      return Buffer.concat(read);
    } finally {
      remote.close();
    }
  };
  return {
    ...running,
    url,
    get,
    images: async () =>
      JSON.parse((await get('streams/v1/images.json')).toString('utf8')) as PublicImages,
    stop: (signal = 'SIGTERM') => {
      running.child.kill(signal);
      return running.ended;
    },
  };
}

/**
 * The first line on standard output. Throws an error with all output when the process ends before
 * it.
 */
async function firstLine({ child, stdout, ended }: RunningCli): Promise<string> {
  let over: Ended | undefined;
  void ended.then((end) => (over = end));
  while (!stdout().includes('\n')) {
    if (over) throw new Error(`ended with ${String(over.code)}: ${over.stderr}`);
    await Promise.race([ended, child.stdout && once(child.stdout, 'data')]);
  }
  return stdout().split('\n')[0] ?? '';
}
