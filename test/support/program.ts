import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { run, type CommandOptions } from './command.ts';
import { ask } from './https-request.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/bucketstreams.js');

/** Runs the command line to its end; answers standard output. Throws CommandError. */
export function bucketstreams(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return run(process.execPath, [PROGRAM, ...args], options);
}

export interface ServeOptions {
  /** A store URL. */
  readonly store: string;
  /** The state folder, where the certificate authority appears. */
  readonly state: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A running `bucketstreams serve`. Its disposal asks it to end (SIGTERM) and waits until it has. */
export interface ServeProcess extends AsyncDisposable {
  /** What it printed on standard output once it accepted connections. */
  readonly url: string;
  /** The certificate of the authority that clients have to trust. */
  readonly caFile: string;
  /** Everything it wrote to standard error so far. */
  log(): string;
  /** GETs a path and answers its body; throws unless the status is 200. */
  get(path: string): Promise<Buffer>;
}

export async function startServe(options: ServeOptions): Promise<ServeProcess> {
  const { store, state, args = [], env } = options;
  const child = spawn(
    process.execPath,
    [
      ...[PROGRAM, 'serve', '--store', store, '--state', state],
      ...['--host', '127.0.0.1', '--port', '0', ...args],
    ],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(`exit ${code ?? signal ?? ''}`));
  });
  const firstLine = new Promise<string>((resolve) => {
    createInterface(child.stdout).once('line', resolve);
  });
  const line = await Promise.race([firstLine, ended.then(() => undefined)]);
  const url = line && /https?:\/\/\S+/.exec(line)?.[0].replace(/\/$/, '');
  if (!url) {
    child.kill('SIGKILL');
    throw new Error(`bucketstreams serve printed no URL (${line ?? (await ended)}).\n${log}`);
  }
  const caFile = join(state, 'tls/ca.crt');
  return {
    url,
    caFile,
    log: () => log,
    get: async (path) => {
      const ca = await readFile(caFile, 'utf8');
      const answer = await ask(`${url}${path}`, { ca });
      if (answer.status !== 200) {
        throw new Error(`${path}: ${answer.status} ${answer.body.toString()}\n${log}`);
      }
      return answer.body;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
