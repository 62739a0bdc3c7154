import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import type { Logger } from '../../log/logger.ts';
import { listen, type ListenAddress } from '../../net/listen.ts';
import { errorText } from '../../log/error-text.ts';

/** The largest body that is read, in bytes. An event has about 1 KiB; S3 sends at most 256 KiB of events. */
const MAX_BODY = 1024 * 1024;

export interface EventsEndpointOptions extends ListenAddress {
  /** The token that `Authorization: Bearer …` must have. */
  readonly token: string;
  /**
   * Marks the versions of a notification as dirty. Throws when the body is not a notification. The sender gets its
   * response after this returns, so the marks must last while this process lives.
   */
  readonly accept: (body: string) => void;
  readonly log: Logger;
}

export interface EventsEndpoint {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Listens for bucket notifications in the form of MinIO's webhook target. Its responses:
 *
 * - 200: the versions are marked dirty
 * - 400: the body is not a notification
 * - 401: the token is missing or wrong
 * - 405: the method is not POST
 * - 413: the body is too large
 */
export async function startEventsEndpoint(options: EventsEndpointOptions): Promise<EventsEndpoint> {
  const { log } = options;
  const server: Server = createServer((request, response) => {
    answer(request, options).then(
      (status) => finish(response, status),
      (error: unknown) => {
        log('warn', 'a bucket notification could not be read', { error: String(error) });
        finish(response, 400);
      },
    );
  });
  server.requestTimeout = 30_000;
  const address = await listen(server, options, '--events-listen');
  return {
    ...address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  { token, accept, log }: EventsEndpointOptions,
): Promise<number> {
  if (!isBearer(request.headers.authorization, token)) {
    // With a wrong token every event is lost. The log is the only place where the user can see that.
    log('warn', 'a bucket notification without the right token was refused', {
      from: request.socket.remoteAddress,
    });
    return 401;
  }
  if (request.method !== 'POST') return 405;
  const body = await readBody(request);
  if (body === undefined) return 413;
  try {
    accept(body);
    return 200;
  } catch (error) {
    const message = errorText(error);
    log('warn', 'not a bucket notification', { error: message });
    return 400;
  }
}

/** Compares digests, so that neither timing nor length reveals anything about the token. */
function isBearer(header: string | undefined, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const given = /^Bearer +(.*)$/i.exec(header ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token)) && given !== '';
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function finish(response: ServerResponse, status: number): void {
  // Unread bytes of this request would be parsed as the next request.
  const close = status === 413 ? { connection: 'close' } : {};
  response.writeHead(status, { 'content-length': 0, ...close }).end();
}
