import type { Server } from 'node:net';

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose one. */
  readonly port: number;
}

/** A server could not be started. `message` says what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** Listens and resolves to the actual address. `option` is the setting that an error message names. */
export function listen(
  server: Server,
  { host, port }: ListenAddress,
  option: string,
): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) =>
      reject(new ListenError(explain(error, host, port, option), { cause: error }));
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      const address = server.address();
      resolve({ host, port: typeof address === 'object' && address ? address.port : port });
    });
  });
}

/** Explains an error of `listen` and its remedy in one sentence. */
function explain(error: NodeJS.ErrnoException, host: string, port: number, option: string): string {
  const { code } = error;
  if (code === 'EADDRINUSE') {
    return `port ${port} on ${host} is in use; stop what uses it, or choose another with ${option}`;
  }
  if (code === 'EACCES') {
    return `port ${port} on ${host} needs privileges; choose one from 1024 on with ${option}`;
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `this machine has no address ${host}; choose one of its own`;
  }
  return `cannot listen on ${host}, port ${port}: ${error.message}`;
}
