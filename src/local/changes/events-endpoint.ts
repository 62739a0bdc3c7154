import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import type { Logger } from '../../log/logger.ts';
import { listen, type ListenAddress } from '../../net/listen.ts';
import { errorText } from '../../log/error-text.ts';

/** The greatest body that is read, in bytes: an event is about 1 KiB, S3 sends at most 256 KiB of them. */
const MAX_BODY = 1024 * 1024;

export interface EventsEndpointOptions extends ListenAddress {
  /** What `Authorization: Bearer …` must carry. */
  readonly token: string;
  /**
   * Marks what a body speaks of as dirty. Throws when the body is no notification. The sender is answered
   * once this returns, so what it marks must not be forgotten while this process lives.
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
 * Listens for bucket notifications, as MinIO's webhook target posts them. Answers 200 once the versions are
 * marked dirty, 401 without the token, 400 for a body that is no notification, 413 for one too large.
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
    // A sender with a wrong token loses every event, and nobody would see why.
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

/** Compares digests, so that neither the time nor the length tells anything about the token. */
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
  // What was not read of the request would be taken for the next one.
  const close = status === 413 ? { connection: 'close' } : {};
  response.writeHead(status, { 'content-length': 0, ...close }).end();
}
