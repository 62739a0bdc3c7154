import { once, setMaxListeners } from 'node:events';
import http from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { DOCUMENT_FACTS, type DocumentFacts } from '../../facts/delivery-policy.ts';
import type { Logger } from '../../log/logger.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { respond } from './respond.ts';
import { type ResponseOptions } from './exchange.ts';
import { httpsListener } from './https-listener.ts';
import { refuseBroken } from './problems.ts';
import { bracketed } from '../../net/host-port.ts';
import { listen } from '../../net/listen.ts';

export interface FrontOptions {
  readonly store: ObjectStore;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** PEM. Without it the front uses plain HTTP, for use behind a proxy. */
  readonly tls?: KeyAndCertificate;
  readonly log: Logger;
  /** Milliseconds without traffic after which a connection is closed. */
  readonly idleTimeout?: number;
  /** The public documents to serve; those of this version by default. */
  readonly documents?: readonly DocumentFacts[];
}

interface KeyAndCertificate {
  readonly key: string;
  readonly cert: string;
}

export interface Front {
  /** Has no slash at its end. If the front listens on all addresses, the host is localhost. */
  readonly url: string;
  readonly port: number;
  /** Used for new connections. */
  useCertificate(tls: KeyAndCertificate): void;
  /** Accepts no more connections. Responses have `grace` milliseconds to end, then all connections are closed. */
  close(grace?: number): Promise<void>;
}

const IDLE_TIMEOUT = 120_000;
const CLOSE_GRACE = 10_000;
const LIMITS = {
  maxHeaderSize: 16_384,
  headersTimeout: 15_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5000,
  keepAliveTimeout: 15_000,
};
const TLS_LIMITS = { minVersion: 'TLSv1.2', handshakeTimeout: 10_000 } as const;

/** Serves the public part of a store. Rejects with a ListenError when it cannot listen. */
export async function startFront(options: FrontOptions): Promise<Front> {
  const { host, log, tls } = options;
  const { store, documents = DOCUMENT_FACTS } = options;
  const responseOptions: ResponseOptions = { store, log, documents };
  const signals = new WeakMap<Socket, AbortSignal>();
  let closing = false;

  const handler: http.RequestListener = (request, response) => {
    const started = performance.now();
    const { method = '', url = '', socket } = request;
    const client = socket.remoteAddress ?? '';
    if (closing) response.setHeader('Connection', 'close');
    response.once('close', () => {
      const milliseconds = Math.round(performance.now() - started);
      const complete = response.writableFinished;
      log('debug', 'request', {
        client,
        method,
        url,
        status: response.statusCode,
        complete,
        milliseconds,
      });
      if (closing) setImmediate(() => server.closeIdleConnections());
    });
    const signal = connectionSignal(signals, socket);
    respond({ request, response, signal, options: responseOptions }).catch((error: unknown) => {
      socket.destroy();
      response.destroy();
      if (!signal.aborted) log('warn', 'response cut', { url, error: String(error) });
    });
  };
  const secure = tls && httpsListener({ ...LIMITS, ...tls, ...TLS_LIMITS }, handler);
  const server = secure?.server ?? http.createServer(LIMITS, handler);
  server.on('clientError', refuseBroken);
  server.timeout = options.idleTimeout ?? IDLE_TIMEOUT;

  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const { port } = await listen(server, { host, port: options.port }, '--port');
  server.on('error', (error) => log('error', 'front failed', { error: error.message }));
  server.on('tlsClientError', (error: Error) => {
    log('debug', 'no TLS with a client', { error: error.message });
  });

  return {
    url: `${tls ? 'https' : 'http'}://${urlHost(host)}:${port}`,
    port,
    useCertificate(next) {
      secure?.server.setSecureContext({ ...next, ...TLS_LIMITS });
    },
    async close(grace = CLOSE_GRACE) {
      closing = true;
      const closed = once(server, 'close');
      server.close();
      secure?.dropStrangers();
      const graceTimer = new AbortController();
      const cut = delay(grace, undefined, { signal: graceTimer.signal }).then(
        () => {
          for (const socket of sockets) socket.destroy();
        },
        () => undefined,
      );
      await closed;
      graceTimer.abort();
      await cut;
    },
  };
}

/**
 * Returns a signal that aborts when the connection closes. All requests of a connection share it: a pipelined
 * request that waits gets no other notice that its client has disconnected.
 */
function connectionSignal(signals: WeakMap<Socket, AbortSignal>, socket: Socket): AbortSignal {
  const known = signals.get(socket);
  if (known) return known;
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  if (socket.destroyed) controller.abort();
  else socket.once('close', () => controller.abort());
  signals.set(socket, controller.signal);
  return controller.signal;
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::' || host === '') return 'localhost';
  return bracketed(host);
}
