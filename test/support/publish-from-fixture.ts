import { randomBytes } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { runCli, startCli, type RunningCli } from './cli.ts';
import {
  fakeInstanceServer,
  type FakeInstanceServer,
  type FakeOptions,
} from './servers/fake-instance-server.ts';
import { metadataTar } from './servers/gateway-fixture.ts';
import { temporaryFolder } from './temporary.ts';

export interface PublishFromFixture extends AsyncDisposable {
  readonly server: FakeInstanceServer;
  /** The store's folder. */
  readonly data: string;
  /** Starts `publish` with the store and further arguments; the source is the local LXD. */
  readonly publish: (...args: readonly string[]) => RunningCli;
  /** Indexes the store. */
  readonly update: () => Promise<void>;
  /** Paths of all files that uploads have stored, including unfinished ones. */
  readonly uploaded: () => Promise<string[]>;
  /** A folder for temporary files of the command: its working directory and `TMPDIR`. */
  readonly scratch: string;
}

/** The command line, a fake LXD and a store in a folder. */
export async function publishFromFixture(
  options: FakeOptions & { readonly data?: string },
): Promise<PublishFromFixture> {
  const resources = new AsyncDisposableStack();
  const { path } = resources.use(await temporaryFolder());
  const server = resources.use(await fakeInstanceServer(options));
  const { data = join(path, 'data') } = options;
  const scratch = join(path, 'scratch');
  await mkdir(scratch);
  const store = ['--store', `file:${data}`];
  const env = { ...process.env, LXD_SOCKET: server.socketPath, TMPDIR: scratch };
  return {
    server,
    data,
    scratch,
    publish: (...args) => {
      const started = startCli(['publish', ...store, ...args], { env, cwd: scratch });
      resources.defer(async () => {
        started.child.kill('SIGKILL');
        await started.ended;
      });
      return started;
    },
    update: async () => {
      const { code, stderr } = await runCli(['update', ...store]);
      if (code !== 0) throw new Error(stderr);
    },
    uploaded: async () => filesBelow(data, ['images', 'uploads']),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function filesBelow(data: string, folders: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const folder of folders) {
    const entries = await readdir(join(data, folder), {
      recursive: true,
      withFileTypes: true,
    }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    });
    found.push(...entries.filter((one) => one.isFile()).map((e) => join(e.parentPath, e.name)));
  }
  return found.sort();
}

/** An image with a root of this many bytes that cannot be compressed. */
export function splitImage(bytes: number): readonly [Buffer, Buffer] {
  return [metadataTar('from'), Buffer.concat([Buffer.from('hsqs'), randomBytes(bytes)])];
}
