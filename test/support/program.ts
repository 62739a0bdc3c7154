import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startCli } from './cli.ts';
import { ask } from './servers/https-request.ts';

export interface ServeOptions {
  /** A store URL, of a directory or of a bucket. */
  readonly store: string;
  /** The state folder, where the certificate authority is stored. */
  readonly state: string;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** A running `bucketstreams serve`. Its disposal sends SIGTERM and waits for the end. */
export interface ServeProcess extends AsyncDisposable {
  /** The line on standard output that it printed when it accepted connections. */
  readonly url: string;
  /** The certificate of the authority that clients have to trust. */
  readonly caFile: string;
  /** All output on standard error so far. */
  log(): string;
  /** GETs a path and returns its body; throws unless the status is 200. */
  get(path: string): Promise<Buffer>;
}

/** Serves any store at a free port of the loopback interface. */
export async function serveStore(options: ServeOptions): Promise<ServeProcess> {
  const { store, state, args = [], env } = options;
  const fixed = ['--store', store, '--state', state, '--host', '127.0.0.1', '--port', '0'];
  const running = startCli(['serve', ...fixed, ...args], { env });
  const first = once(createInterface(running.child.stdout!), 'line') as Promise<[string]>;
  const line = await Promise.race([first, running.ended]);
  if (!Array.isArray(line)) {
    throw new Error(`bucketstreams serve ended with ${String(line.code)}\n${line.stderr}`);
  }
  const [url] = line;
  const caFile = join(state, 'tls/ca.crt');
  return {
    url,
    caFile,
    log: running.stderr,
    get: async (path) => {
      const ca = await readFile(caFile, 'utf8');
      const answer = await ask(`${url}${path}`, { ca });
      if (answer.status === 200) return answer.body;
      throw new Error(`${path}: ${answer.status} ${answer.body.toString()}\n${running.stderr()}`);
    },
    [Symbol.asyncDispose]: async () => {
      running.child.kill('SIGTERM');
      await running.ended;
    },
  };
}
