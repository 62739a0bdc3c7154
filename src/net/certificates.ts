import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

import { parseSha256, type Sha256 } from '../images/digests.ts';

/** Returns the fingerprint of a client's certificate; undefined if there is none or it is not valid at `now`. */
export function clientCertificate(socket: TLSSocket, now: number): Sha256 | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return undefined;
  if (Date.parse(certificate.validFrom) > now || Date.parse(certificate.validTo) < now) {
    return undefined;
  }
  return fingerprintOfDer(certificate.raw);
}

export function fingerprintOfPem(pem: string): Sha256 {
  const body = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(pem)?.[1] ?? '';
  return fingerprintOfDer(Buffer.from(body, 'base64'));
}

/** Returns a certificate's fingerprint as LXD and Incus define it: the SHA-256 of its DER form. */
export function fingerprintOfDer(der: Uint8Array): Sha256 {
  const digest = parseSha256(createHash('sha256').update(der).digest('hex'));
  if (digest === undefined) throw new TypeError('a SHA-256 has 64 digits');
  return digest;
}
