import { connect, createServer, type AddressInfo } from 'node:net';
import type { Socket } from 'node:net';

export interface StallingProxy extends AsyncDisposable {
  readonly port: number;
  /** Passes this many more bytes on to the server, over all connections, and then none. */
  allow(bytes: number): void;
}

/**
 * Stands in front of a server at a port of the loopback interface. At first it passes everything
 * on.
 */
export async function startStallingProxy(target: number): Promise<StallingProxy> {
  let left = Infinity;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.pipe(client);
    client.on('data', (chunk: Buffer) => {
      const passed = chunk.subarray(0, left);
      left -= passed.length;
      upstream.write(passed);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    allow: (bytes) => (left = bytes),
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
