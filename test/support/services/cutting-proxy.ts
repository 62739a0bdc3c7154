import { connect, createServer, type Socket } from 'node:net';

/** What becomes of a connection once some bytes of the answers went through it. */
export interface Cut {
  /** Bytes, headers among them. */
  readonly after: number;
  /** `silent`: it stays, and nothing more comes. */
  readonly how: 'closed' | 'reset' | 'silent';
  /** Done when the server's side is gone and the client does not know it yet. */
  readonly meanwhile?: () => Promise<unknown>;
}

/** A way to a server on loopback, on which connections break off as they are told to. */
export interface CuttingProxy {
  readonly endpoint: string;
  /** Cuts the next connections that are made, each its own. */
  cut(...cuts: readonly Cut[]): void;
  /** Bytes of answers that went through so far. */
  carried(): number;
  /** Connections that are there now. */
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
