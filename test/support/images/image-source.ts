import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';

import { ensureCertificate } from '../../../src/net/authority.ts';
import { temporaryFolder } from '../temporary.ts';

export interface ImageSource extends AsyncDisposable {
  readonly url: string;
  /** PEM. */
  readonly certificate: string;
  /** Whether an export is running. */
  readonly busy: () => boolean;
}

/**
 * Responds like an LXD or Incus server to a client that pulls an image from it; `body` gives the
 * export's bytes.
 */
export async function startImageSource(
  fingerprint: string,
  body: () => { readonly headers?: Readonly<Record<string, string>>; readonly body?: Readable },
): Promise<ImageSource> {
  const folder = await temporaryFolder();
  const { key, cert } = await ensureCertificate({ stateDir: folder.path, hosts: ['127.0.0.1'] });
  let exports = 0;
  const server = createServer({ key, cert }, (request, response) => {
    if (!request.url?.includes('/export')) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ type: 'sync', metadata: { fingerprint, properties: {} } }));
      return;
    }
    exports += 1;
    response.on('close', () => (exports -= 1));
    const { headers, body: bytes } = body();
    response.writeHead(200, headers);
    response.flushHeaders();
    bytes?.pipe(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    certificate: cert,
    busy: () => exports > 0,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await folder[Symbol.asyncDispose]();
    },
  };
}
