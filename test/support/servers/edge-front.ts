import { readFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { LocalAws } from '../aws/ministack.ts';

/** An address of a distribution for clients that do not use the local AWS. */
export interface EdgeFront extends AsyncDisposable {
  /** `https://127.0.0.1:port`. */
  readonly url: string;
}

/**
 * Represents the name of a distribution, which does not resolve here. It forwards every request
 * under that name, with the path unchanged.
 */
export async function startEdgeFront(aws: LocalAws, domain: string): Promise<EdgeFront> {
  const [cert, key] = await Promise.all([readFile(aws.certificate), readFile(aws.key)]);
  const { hostname, port } = new URL(aws.endpoint);
  const server = https.createServer({ cert, key }, (request, response) => {
    const onward = https.request(
      {
        host: hostname,
        port,
        ca: cert,
        // Without this Node would look for the distribution's name in the certificate.
        servername: 'localhost',
        method: request.method,
        path: request.url,
        headers: { ...request.headers, host: domain },
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.once('error', (error) => response.destroy(error));
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
