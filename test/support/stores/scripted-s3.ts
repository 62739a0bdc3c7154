import assert from 'node:assert/strict';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { openS3Store, type S3StoreOptions } from '../../../src/storage/s3/store.ts';

/** A request that the server received. */
export interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  /** True for requests of the SDK, because only the SDK numbers its attempts. */
  readonly bySdk: boolean;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/**
 * A store on a server that responds as `answer` does, and all requests that the server received.
 */
export async function withS3Server(
  answer: (request: Seen, response: ServerResponse) => void,
  use: (store: ObjectStore, seen: Seen[]) => Promise<void>,
): Promise<void> {
  const seen: Seen[] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method, url, headers } = request;
      const bySdk = headers['amz-sdk-request'] !== undefined;
      const one = { method, url, bySdk, headers, body: Buffer.concat(chunks) };
      seen.push(one);
      answer(one, response);
    });
  };
  await withS3Listener(listener, (store) => use(store, seen));
}

/** A store on the caller's server. */
export async function withS3Listener(
  listener: RequestListener,
  use: (store: ObjectStore) => Promise<void>,
  options: Partial<S3StoreOptions> = {},
): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  const store = openS3Store({
    bucket: 'bucket',
    endpoint: `http://127.0.0.1:${address.port}`,
    credentials: { kind: 'keys', accessKeyId: 'id', secretAccessKey: 'key' },
    maxAttempts: 1,
    ...options,
  });
  try {
    await use(store);
  } finally {
    await store.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Responds with an object. */
export function content(response: ServerResponse, text: string): void {
  response.writeHead(200, { ETag: '"e"', 'Content-Length': text.length }).end(text);
}

/** Responds with an error of S3. */
export function failure(response: ServerResponse, status: number, code: string): void {
  response
    .writeHead(status, { 'Content-Type': 'application/xml' })
    .end(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}
