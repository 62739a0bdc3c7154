import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { PublicImages } from './cli.ts';
import { ask } from './servers/https-request.ts';
import { shellEnvironment } from './readme.ts';

/** A command line that keeps running in a workspace. Its disposal ends it and waits. */
export interface WorkspaceProcess extends AsyncDisposable {
  /** The first URL that it printed on standard output. */
  readonly url: string;
  /** The certificate of the authority that clients have to trust. */
  readonly caFile: string;
  readonly stderr: () => string;
  /** The public images.json, as a client reads it. */
  images(): Promise<PublicImages>;
}

/** Runs a line by a shell in a workspace until it prints an https URL. */
export async function startInWorkspace(workspace: string, line: string): Promise<WorkspaceProcess> {
  // In a separate process group, so that npm, its shell and the program end together.
  const child = spawn('sh', ['-c', line], {
    cwd: workspace,
    env: { ...process.env, ...shellEnvironment() },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close');
  const stop = async () => {
    try {
      process.kill(-child.pid!, 'SIGTERM');
    } catch {
      // It has already ended.
    }
    await ended;
  };
  const found = Promise.withResolvers<string>();
  createInterface(child.stdout).on('line', (text) => {
    if (/^https:\/\/\S+$/.test(text)) found.resolve(text);
  });
  void ended.then(() => found.reject(new Error(`${line} ended:\n${stderr}`)));
  const url = await found.promise;
  const caFile = join(workspace, 'data/.bucketstreams/tls/ca.crt');
  return {
    url,
    caFile,
    stderr: () => stderr,
    images: async () => {
      const ca = await readFile(caFile, 'utf8');
      const { status, body } = await ask(`${url}/streams/v1/images.json`, { ca });
      if (status !== 200) throw new Error(`images.json: status ${status}\n${stderr}`);
      return JSON.parse(body.toString('utf8')) as PublicImages;
    },
    [Symbol.asyncDispose]: stop,
  };
}
