import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startFront, type Front, type FrontOptions } from '../../../src/local/front/server.ts';
import { ensureCertificate } from '../../../src/net/authority.ts';
import { silentLogger } from '../silent-logger.ts';
import { openDirectoryStore } from '../../../src/storage/directory/store.ts';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { ask, begin, type Answer, type Asking } from './https-request.ts';

/** A front over HTTPS on a fresh directory, and functions to send it requests. */
export interface FrontFixture extends AsyncDisposable {
  readonly front: Front;
  readonly directory: string;
  readonly ca: string;
  put(key: string, body: string | Uint8Array): Promise<void>;
  ask(path: string, asking?: Asking): Promise<Answer>;
  begin(path: string, asking?: Asking): ReturnType<typeof begin>;
}

/** `wrap` puts a store that fails, waits or counts in front of the directory store. */
export async function frontFixture(
  options: Partial<FrontOptions> = {},
  wrap: (store: ObjectStore) => ObjectStore = (store) => store,
): Promise<FrontFixture> {
  const folder = await mkdtemp(path.join(tmpdir(), 'front-'));
  const directory = path.join(folder, 'store');
  const store = await openDirectoryStore({ path: directory, settleMs: 0 });
  const certificate = await ensureCertificate({ stateDir: path.join(folder, 'state'), hosts: [] });
  const front = await startFront({
    store: wrap(store),
    host: '127.0.0.1',
    port: 0,
    tls: certificate,
    log: silentLogger,
    ...options,
  });
  const { ca } = certificate;
  return {
    front,
    directory,
    ca,
    async put(key, body) {
      const file = path.join(directory, key);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, body);
    },
    ask: (at, asking = {}) => ask(front.url, { ca, path: at, ...asking }),
    begin: (at, asking = {}) => begin(front.url, { ca, path: at, ...asking }),
    async [Symbol.asyncDispose]() {
      await front.close(0);
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** `store` with some of its methods replaced. */
export function storeWith(store: ObjectStore, methods: Partial<ObjectStore>): ObjectStore {
  return {
    url: store.url,
    stat: (key) => store.stat(key),
    read: (key, options) => store.read(key, options),
    list: (prefix, options) => store.list(prefix, options),
    write: (key, body, options) => store.write(key, body, options),
    upload: (key, body, options) => store.upload(key, body, options),
    copy: (source, key, options) => store.copy(source, key, options),
    remove: (key, options) => store.remove(key, options),
    close: () => store.close(),
    ...methods,
  };
}
