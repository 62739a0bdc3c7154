import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { isStoreError, type StoreErrorCode } from '../../storage/errors.ts';
import type { Exchange } from './exchange.ts';
import { errorText } from '../../log/error-text.ts';

const RETRY_AFTER_SECONDS = 5;

/** Responds with a status and one plain sentence. Caches must not store such a response. */
export function explain({ request, response }: Exchange, status: number, sentence: string): void {
  const body = Buffer.from(`${sentence}\n`);
  response.removeHeader('ETag');
  response.removeHeader('Last-Modified');
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Responds to a failure of the store. The details are only in the log. */
export function blame(exchange: Exchange, error: unknown): void {
  const status = isStoreError(error) ? STATUS[error.code] : 500;
  if (status !== 404) {
    const level = status === 503 ? 'warn' : 'error';
    const reason = errorText(error);
    exchange.options.log(level, 'request failed', { url: exchange.request.url, status, reason });
  }
  if (status === 503) exchange.response.setHeader('Retry-After', RETRY_AFTER_SECONDS);
  explain(exchange, status, SENTENCES[status]);
}

/** Milliseconds in which a client with an invalid request must read its response. */
const RESPONSE_TIMEOUT = 5000;

/**
 * Responds to invalid HTTP; a listener for `clientError`. Node's own response is lost over TLS: it destroys the
 * connection before the response is encrypted.
 */
export function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = BROKEN[error.code ?? ''] ?? 400;
  const timer = setTimeout(() => socket.destroy(), RESPONSE_TIMEOUT);
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`);
}

const BROKEN: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

type Status = 404 | 500 | 502 | 503;

const STATUS: Readonly<Record<StoreErrorCode, Status>> = {
  not_found: 404,
  invalid_key: 404,
  access_denied: 502,
  // The object was replaced repeatedly while it was opened.
  precondition_failed: 503,
  conflict: 503,
  unavailable: 503,
  no_space: 500,
  unsupported: 500,
};

const SENTENCES: Readonly<Record<Status, string>> = {
  404: 'There is no such object.',
  500: 'The server failed; its log says why.',
  502: 'The store refuses this server access; its log says why.',
  503: 'The store cannot be read just now; try again.',
};
