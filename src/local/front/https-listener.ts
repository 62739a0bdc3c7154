import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';

/** The first byte of every TLS connection: a handshake record (RFC 8446, section 5.1). */
const TLS_HANDSHAKE = 0x16;
/** Milliseconds in which a new connection must send its first byte, and a plain HTTP connection must end. */
const FIRST_BYTE_TIMEOUT = 10_000;

export interface HttpsListener {
  readonly server: https.Server;
  /** Closes the connections that have not started TLS. */
  dropStrangers(): void;
}

/**
 * Creates an HTTPS server that redirects plain HTTP on the same port. LXD and Incus request every image file by
 * http:// first, so the redirect must be fast.
 */
export function httpsListener(
  options: https.ServerOptions,
  handler: http.RequestListener,
): HttpsListener {
  const server = https.createServer(options, handler);
  const plain = http.createServer(redirect);
  const strangers = new Set<Socket>();
  const startTls = server.listeners('connection');
  server.removeAllListeners('connection');

  server.on('connection', (socket: Socket) => {
    const giveUp = () => socket.destroy();
    const timer = setTimeout(giveUp, FIRST_BYTE_TIMEOUT);
    const known = () => {
      clearTimeout(timer);
      strangers.delete(socket);
    };
    strangers.add(socket);
    socket.on('error', giveUp);
    socket.once('close', known);
    socket.once('readable', () => {
      const first: unknown = socket.read(1);
      if (!(first instanceof Buffer)) {
        giveUp();
        return;
      }
      socket.unshift(first);
      if (first[0] === TLS_HANDSHAKE) {
        known();
        for (const listener of startTls) listener.call(server, socket);
      } else {
        plain.emit('connection', socket);
      }
    });
  });
  return {
    server,
    dropStrangers() {
      for (const socket of strangers) socket.destroy();
    },
  };
}

function redirect(request: http.IncomingMessage, response: http.ServerResponse): void {
  const host = request.headers.host ?? '';
  response.setHeader('Connection', 'close');
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  if (!/^[A-Za-z0-9._:[\]-]+$/.test(host) || !request.url?.startsWith('/')) {
    response.writeHead(400).end('This port speaks HTTPS.\n');
    return;
  }
  const location = `https://${host}${request.url}`;
  response.writeHead(301, { Location: location }).end(`This port speaks HTTPS: ${location}\n`);
}
