import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * The faults that the proxy simulates.
 * `none`: no fault.
 * `unavailable`: every response is 503.
 * `read-only`: requests that write are denied.
 * `slow`: every chunk is delayed.
 * `held`: no chunk passes before the fault ends.
 * `damaging`: one bit in every part of an upload changes.
 */
export type Sickness = 'none' | 'unavailable' | 'read-only' | 'slow' | 'held' | 'damaging';

export interface SickProxy {
  readonly endpoint: string;
  sickness: Sickness;
  /** Called when a request that writes arrives, before it is passed on or denied. */
  onWrite: (() => void) | undefined;
  close(): Promise<void>;
}

const CHUNK_DELAY_MS = 150;

/** Stands in front of an S3 server and passes everything on, with its fault. */
export async function startSickProxy(target: string): Promise<SickProxy> {
  const { hostname, port } = new URL(target);
  const forward = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { method, url, headers } = incoming;
    const passed = request({ hostname, port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(slowly(proxy)).pipe(outgoing);
      answer.on('error', () => outgoing.destroy());
    });
    // The server was killed: there is no response.
    passed.on('error', () => incoming.socket.destroy());
    outgoing.on('close', () => passed.destroy());
    const damaged = proxy.sickness === 'damaging' && url?.includes('partNumber=') === true;
    incoming.pipe(damaged ? falling() : slowly(proxy)).pipe(passed);
  };
  const server = createServer((incoming, outgoing) => {
    const writes = !/^(GET|HEAD)$/.test(incoming.method ?? '');
    if (writes) proxy.onWrite?.();
    if (proxy.sickness === 'unavailable') refuse(incoming, outgoing, 503, 'ServiceUnavailable');
    else if (proxy.sickness === 'read-only' && writes) {
      refuse(incoming, outgoing, 403, 'AccessDenied');
    } else forward(incoming, outgoing);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const proxy: SickProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sickness: 'none',
    onWrite: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}

function refuse(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  status: number,
  code: string,
): void {
  incoming.resume();
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  incoming.on('end', () => {
    outgoing.writeHead(status, { 'content-type': 'application/xml' });
    outgoing.end(incoming.method === 'HEAD' ? undefined : body);
  });
}

function slowly(proxy: SickProxy): Transform {
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const pass = () => done(null, chunk);
      if (proxy.sickness === 'held') void cured(proxy).then(pass);
      else if (proxy.sickness === 'slow') void delay(CHUNK_DELAY_MS).then(pass);
      else pass();
    },
  });
}

function falling(): Transform {
  let fallen = false;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      if (!fallen) chunk.writeUInt8(chunk.readUInt8(0) ^ 1, 0);
      fallen = true;
      done(null, chunk);
    },
  });
}

async function cured(proxy: SickProxy): Promise<void> {
  while (proxy.sickness === 'held') await delay(CHUNK_DELAY_MS);
}
