import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { Sha256 } from '../images/digests.ts';
import { formatHostPort } from '../net/host-port.ts';
import { listen } from '../net/listen.ts';
import type { Logger } from '../log/logger.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { fingerprintOfPem } from '../net/certificates.ts';
import { FailedUploads } from './failed-uploads.ts';
import { UploadLimiter } from './api/upload-limits.ts';
import { Operations } from './api/operations.ts';
import type { GatewayParts } from './api/call.ts';
import { requestListener } from './api/routes.ts';
import { writeServerRecord } from './server-record.ts';
import { TrustStore } from './trust-store.ts';
import { packageVersion } from '../config/package-version.ts';
import { ImageRegister } from './image-register.ts';
import { Staging } from './staging.ts';

export interface GatewayOptions {
  readonly store: ObjectStore;
  /** The state folder. The gateway uses `gateway/` in it. */
  readonly state: string;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** PEM. */
  readonly tls: { readonly key: string; readonly cert: string };
  readonly log: Logger;
  readonly limits?: Partial<GatewayLimits>;
  /** Milliseconds for which an image waits for an alias. After that its properties decide the product. */
  readonly rest?: number;
  /** Names and addresses for tokens, by which clients reach the gateway. Default: the host. */
  readonly names?: readonly string[];
}

export interface GatewayLimits {
  /** Bytes of an image. */
  readonly size: number;
  /** Concurrent uploads. Each may use some tens of MB of memory. */
  readonly uploads: number;
  /** Uploads that wait in the queue. */
  readonly queue: number;
  /** Milliseconds without a byte after which an upload is rejected. */
  readonly idle: number;
  /** Bytes a second below which an upload is rejected. */
  readonly rate: number;
}

export interface Gateway {
  readonly url: string;
  readonly port: number;
  /** The fingerprint of the certificate, as in tokens. */
  readonly fingerprint: Sha256;
  /**
   * Installs a renewed certificate. Open connections keep the old one. Tokens that were created before no longer
   * work.
   */
  useCertificate(tls: { readonly key: string; readonly cert: string }): Promise<void>;
  /** Stops the gateway. Closes connections that are still active after `grace` milliseconds. */
  close(grace?: number): Promise<void>;
}

const LIMITS: GatewayLimits = {
  size: 48 * 2 ** 30,
  uploads: 4,
  queue: 64,
  idle: 60_000,
  rate: 1024,
};
const MAX_CONNECTIONS = 256;

/** The folder of the gateway's trusted clients and tokens. */
export function trustFolder(state: string): string {
  return join(state, 'gateway');
}

/** Starts the gateway: lxc and incus see it as a private server that receives images. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { store, state, host, log, tls, rest } = options;
  const limits = { ...LIMITS, ...options.limits };
  const now = Date.now;
  const register = new ImageRegister(store);
  const trust = new TrustStore(trustFolder(state));
  const staging = new Staging({
    store,
    log,
    now,
    register,
    trust,
    ...(rest !== undefined && { settle: rest }),
  });
  await staging.recover();
  const fingerprint = fingerprintOfPem(tls.cert);
  const parts: GatewayParts = {
    uploads: {
      store,
      log,
      staging,
      register,
      trust,
      now,
      random: Math.random,
      pause: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
    },
    trust,
    operations: new Operations(now),
    failures: new FailedUploads(now),
    limiter: new UploadLimiter(limits.uploads, limits.queue),
    limits,
    server: { certificate: tls.cert, fingerprint, version: await packageVersion() },
  };
  const listener = requestListener(parts);
  const server = createServer(
    {
      key: tls.key,
      cert: tls.cert,
      minVersion: 'TLSv1.3',
      handshakeTimeout: 10_000,
      // Clients sign their own certificates, and the trust store decides. A daemon that pushes presents none.
      requestCert: true,
      rejectUnauthorized: false,
      // TLS delivers 16 KiB at a time. A larger buffer lets several of them be read as one chunk.
      highWaterMark: 256 * 1024,
      // An upload may take hours; guardedBody limits its idle time and rate.
      headersTimeout: 15_000,
      requestTimeout: 0,
      keepAliveTimeout: 10_000,
    },
    listener,
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on('tlsClientError', (error) => log('debug', 'no TLS', { error: error.message }));
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    response.writeContinue();
    listener(request, response);
  });
  const bound = await listen(server, { host, port: options.port }, '--port');
  const addresses = (options.names ?? [host]).map((name) =>
    formatHostPort({ host: name, port: bound.port }),
  );
  await writeServerRecord(trustFolder(state), { addresses, fingerprint });
  return {
    url: `https://${formatHostPort({ host, port: bound.port })}`,
    port: bound.port,
    fingerprint,
    useCertificate: async (renewed) => {
      server.setSecureContext({ ...renewed, minVersion: 'TLSv1.3' });
      const renewedFingerprint = fingerprintOfPem(renewed.cert);
      await writeServerRecord(trustFolder(state), { addresses, fingerprint: renewedFingerprint });
    },
    close: async (grace = 2000) => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), grace);
      await closed;
      clearTimeout(timer);
      await staging.close();
      register.close();
    },
  };
}
