import { X509Certificate } from 'node:crypto';
import type { ConnectionOptions, PeerCertificate } from 'node:tls';

import { fingerprintOfDer } from './certificates.ts';

type PinnedOptions = Required<
  Pick<ConnectionOptions, 'ca' | 'allowPartialTrustChain' | 'checkServerIdentity'>
>;

/**
 * Returns TLS options that accept only a server with exactly this certificate (PEM). Its issuer and host names
 * are not checked. Throws if `certificate` cannot be parsed.
 */
export function pinnedTo(certificate: string): PinnedOptions {
  const wanted = fingerprintOfDer(new X509Certificate(certificate).raw);
  return {
    ca: [certificate],
    allowPartialTrustChain: true,
    checkServerIdentity: (_: string, { raw }: PeerCertificate) =>
      fingerprintOfDer(raw) === wanted
        ? undefined
        : new Error('its certificate is another than the one that was announced'),
  };
}
