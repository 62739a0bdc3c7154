import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../servers/https-request.ts';

/** A server program that runs for the tests. */
export interface Service {
  /** The output so far. */
  log(): string;
  /** Ends the program, and resolves once it has ended. */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** A URL that responds with success when the service can be used. */
  readonly healthUrl: string;
  /** For `healthUrl`: the PEM file of the authority to trust. */
  readonly ca?: string;
}

const READY_MS = 60_000;
/**
 * Ends the program when our end of its standard input closes, which also happens when this process
 * dies. Exits with the code of the program.
 */
const GUARD = `"$@" <&- & child=$!
trap 'kill "$child"' TERM
{ cat >/dev/null; kill -9 "$child" 2>/dev/null; } <&3 3<&- &
guard=$!
exec 3<&-
wait "$child"; code=$?
kill "$guard" 2>/dev/null
exit "$code"`;

/** Starts a program and waits until it is ready. The program ends when this process ends. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { command, args, env, healthUrl } = options;
  const ca = options.ca === undefined ? undefined : await readFile(options.ca, 'utf8');
  const child = spawn('/bin/sh', ['-c', `exec 3<&0; ${GUARD}`, command, command, ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let log = '';
  const record = (chunk: Buffer) => (log += chunk.toString());
  child.stdout.on('data', record);
  child.stderr.on('data', record);
  child.stdin.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      log += error.message;
      resolve();
    });
    child.once('exit', () => resolve());
  });
  const service: Service = {
    log: () => log,
    async stop() {
      child.stdin.end();
      child.stdout.destroy();
      child.stderr.destroy();
      await ended;
    },
  };
  const deadline = Date.now() + READY_MS;
  while (!(await answers(healthUrl, ca))) {
    if (child.exitCode === null && child.pid !== undefined && Date.now() < deadline) {
      await sleep(50);
      continue;
    }
    await service.stop();
    throw new Error(`${command} did not become ready at ${healthUrl}. It wrote:\n${log}`);
  }
  return service;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function answers(url: string, ca: string | undefined): Promise<boolean> {
  try {
    if (ca !== undefined) return (await ask(url, { ca })).status === 200;
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
