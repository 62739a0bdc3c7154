import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { fingerprintOf, splitUpload } from './gateway-fixture.ts';
import { temporaryFolder } from '../temporary.ts';

/** Metadata and root, or one archive. */
export type ImageFiles = readonly [Buffer, Buffer] | Buffer;

export interface FakeImage {
  readonly files: ImageFiles;
  /** Its fingerprint in the API, whatever its bytes are. */
  readonly fingerprint?: string;
  readonly properties?: Readonly<Record<string, string>>;
  readonly alias?: string;
}

export interface FakeInstance {
  /** The files of the image that is made from it. */
  readonly files: ImageFiles;
  readonly status?: 'Stopped' | 'Running';
  readonly snapshots?: readonly string[];
}

export interface FakeOptions {
  readonly kind?: 'lxd' | 'incus';
  readonly images?: readonly FakeImage[];
  readonly instances?: Readonly<Record<string, FakeInstance>>;
  /** An image is complete only when this resolves. */
  readonly making?: Promise<unknown>;
  /** The second half of a root is sent only when this resolves. */
  readonly sending?: Promise<unknown>;
}

export interface FakeInstanceServer extends AsyncDisposable {
  readonly socketPath: string;
  /** The fingerprints of the images that it has. */
  readonly fingerprints: () => string[];
  /** Resolves when an image of an instance was requested. */
  readonly asked: Promise<undefined>;
  /** Resolves when the first half of a root was sent. */
  readonly halfSent: Promise<undefined>;
  /** From now on it rejects deletions, for this reason. */
  refuse(reason: string): void;
}

interface Held {
  readonly files: ImageFiles;
  readonly properties: Readonly<Record<string, string>>;
}

/**
 * The part of LXD or Incus that a client needs to take images, with the responses of the real ones.
 */
export async function fakeInstanceServer(options: FakeOptions = {}): Promise<FakeInstanceServer> {
  const { kind = 'lxd', making, sending } = options;
  const resources = new AsyncDisposableStack();
  const { path } = resources.use(await temporaryFolder());
  const images = new Map<string, Held>();
  const aliases = new Map<string, string>();
  for (const { files, fingerprint = nameOf(files), properties = {}, alias } of options.images ??
    []) {
    images.set(fingerprint, { files, properties });
    if (alias !== undefined) aliases.set(alias, fingerprint);
  }
  let refusal = '';
  const operations = new Map<string, Promise<Outcome>>();
  const begin = (outcome: Promise<Outcome>) => {
    const id = `operation-${operations.size}`;
    operations.set(id, outcome);
    return { type: 'async', metadata: { id, may_cancel: false } };
  };
  const make = async (files: ImageFiles): Promise<Outcome> => {
    await making;
    const fingerprint = nameOf(files);
    if (images.has(fingerprint)) return { err: `The image already exists: ${fingerprint}` };
    images.set(fingerprint, { files, properties: {} });
    return { err: '', metadata: { fingerprint } };
  };
  const instanceOf = (name: string): FakeInstance | undefined => {
    const [instance = '', snapshot] = name.split('/');
    const found = options.instances?.[instance];
    return snapshot === undefined || found?.snapshots?.includes(snapshot) ? found : undefined;
  };
  const asked = Promise.withResolvers<undefined>();
  const halfSent = Promise.withResolvers<undefined>();
  async function* inHalves(root: Buffer): AsyncGenerator<Buffer> {
    yield root.subarray(0, root.length / 2);
    halfSent.resolve(undefined);
    await sending;
    yield root.subarray(root.length / 2);
  }
  const send = (files: ImageFiles, response: ServerResponse) => {
    const { body, headers } = Buffer.isBuffer(files)
      ? { body: Readable.from(inHalves(files), { objectMode: false }), headers: {} }
      : splitUpload(files[0], Readable.from(inHalves(files[1]), { objectMode: false }));
    response.writeHead(200, headers);
    body!.pipe(response);
  };
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const names = new URL(request.url!, 'http://fake').pathname.split('/').slice(2);
    const [place = '', name = '', last = '', snapshot] = names.map(decodeURIComponent);
    const reply = (metadata: unknown) => response.end(JSON.stringify({ type: 'sync', metadata }));
    const absent = (error: string) =>
      response.writeHead(404).end(JSON.stringify({ type: 'error', error_code: 404, error }));
    // When several fingerprints have this beginning, LXD and Incus take any of them.
    const fingerprint = [...images.keys()].find((one) => one.startsWith(name.toLowerCase())) ?? '';
    const image = images.get(fingerprint);
    if (place === 'operations') {
      const { err, metadata } = await operations.get(name)!;
      if (kind === 'lxd' || err === '') reply({ id: name, err, metadata });
      else response.end(JSON.stringify({ type: 'error', error_code: 500, error: err }));
    } else if (place === 'instances') {
      const found = instanceOf(snapshot === undefined ? name : `${name}/${snapshot}`);
      if (found) reply({ name, status: found.status ?? 'Stopped' });
      else absent('Instance not found');
    } else if (name === 'aliases') {
      if (aliases.has(last)) reply({ name: last, target: aliases.get(last) });
      else absent('Alias not found');
    } else if (request.method === 'POST') {
      const { source } = (await jsonOf(request)) as { source: { name: string } };
      response.writeHead(202).end(JSON.stringify(begin(make(instanceOf(source.name)!.files))));
      asked.resolve(undefined);
    } else if (name === '') reply([...images.keys()].map((one) => `/1.0/images/${one}`));
    else if (!image) absent('Image not found');
    else if (request.method === 'DELETE') {
      if (refusal === '') images.delete(fingerprint);
      response.writeHead(202).end(JSON.stringify(begin(Promise.resolve({ err: refusal }))));
    } else if (last === 'export') send(image.files, response);
    else reply({ fingerprint, properties: image.properties, size: sizeOf(image.files) });
  }
  const server = createServer((request, response) => void answer(request, response));
  const socketPath = join(path, 'socket');
  await new Promise<void>((resolve) => void server.listen(socketPath, resolve));
  resources.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    socketPath,
    fingerprints: () => [...images.keys()],
    asked: asked.promise,
    halfSent: halfSent.promise,
    refuse: (reason) => void (refusal = reason),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

interface Outcome {
  readonly err: string;
  readonly metadata?: { readonly fingerprint: string };
}

function nameOf(files: ImageFiles): string {
  return Buffer.isBuffer(files) ? fingerprintOf(files) : fingerprintOf(...files);
}

function sizeOf(files: ImageFiles): number {
  return Buffer.isBuffer(files) ? files.length : files[0].length + files[1].length;
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
  return JSON.parse(text);
}
