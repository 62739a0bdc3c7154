import { connect, createServer, type Socket } from 'node:net';

/** The end of a connection after some bytes of the responses. */
export interface Cut {
  /** Bytes, including headers. */
  readonly after: number;
  /** `silent`: the connection stays open, and no more bytes arrive. */
  readonly how: 'closed' | 'reset' | 'silent';
  /** Runs after the server's side is closed and before the client's side ends. */
  readonly meanwhile?: () => Promise<unknown>;
}

/** A proxy to a server on loopback that breaks connections as planned. */
export interface CuttingProxy {
  readonly endpoint: string;
  /** Plans the ends of the next connections, one each. */
  cut(...cuts: readonly Cut[]): void;
  /** Bytes of responses that passed so far. */
  carried(): number;
  /** The number of open connections. */
  open(): number;
  stop(): Promise<void>;
}

export async function startCuttingProxy(target: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(target);
  const planned: Cut[] = [];
  const clients = new Set<Socket>();
  let carried = 0;

  const server = createServer((client) => {
    const cut = planned.shift();
    const upstream = connect(Number(port), hostname);
    let left = cut?.after ?? Infinity;
    clients.add(client);
    client.on('error', () => undefined);
    upstream.on('error', () => undefined);
    client.on('close', () => {
      clients.delete(client);
      upstream.destroy();
    });
    client.pipe(upstream);
    upstream.on('close', () => {
      if (left > 0) client.destroy();
    });
    upstream.on('data', (chunk: Buffer) => {
      const part = chunk.subarray(0, left);
      left -= part.length;
      carried += part.length;
      if (!client.write(part)) {
        upstream.pause();
        client.once('drain', () => upstream.resume());
      }
      if (cut === undefined || left > 0) return;
      upstream.removeAllListeners('data').destroy();
      void breakOff(client, cut);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    cut: (...cuts) => void planned.push(...cuts),
    carried: () => carried,
    open: () => clients.size,
    async stop() {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function breakOff(client: Socket, { how, meanwhile }: Cut): Promise<void> {
  await meanwhile?.();
  if (how === 'closed') client.end();
  if (how === 'reset') client.resetAndDestroy();
}
