import type { Sha256 } from '../images/digests.ts';
import { decodedOrAbsent } from '../json/decode.ts';
import { anything } from '../json/decoders.ts';
import { textOf } from '../json/is-object.ts';

/** The content of the token in `lxc remote add NAME TOKEN` (LXD's and Incus's `api.CertificateAddToken`). */
export interface TokenContents {
  readonly name: string;
  /** The fingerprint of the gateway's certificate, which the client pins. */
  readonly serverFingerprint: Sha256;
  /** `host:port`; the client tries them in order. */
  readonly addresses: readonly string[];
  readonly secret: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

export function encodeToken(token: TokenContents): string {
  return Buffer.from(
    JSON.stringify({
      client_name: token.name,
      fingerprint: token.serverFingerprint,
      addresses: token.addresses,
      secret: token.secret,
      expires_at: token.expiresAt,
    }),
  ).toString('base64');
}

/** Returns the secret of what a client sends as password or token: a whole token, or the secret alone. */
export function secretOf(text: string): string {
  const token = decodedOrAbsent(anything, Buffer.from(text, 'base64').toString('utf8'));
  return textOf(token, 'secret') ?? text;
}
