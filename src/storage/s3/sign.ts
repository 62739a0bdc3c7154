import { SignatureV4 } from '@smithy/signature-v4';

type SignerSettings = ConstructorParameters<typeof SignatureV4>[0];
/** A request to sign: its path is encoded as it is sent, its header names are in lower case. */
type SignableRequest = Parameters<SignatureV4['presign']>[0];
type SignedRequest = Awaited<ReturnType<SignatureV4['presign']>>;
/** `time` is in milliseconds since 1970. Rejects where there are no credentials. */
export type RequestSigner = (request: SignableRequest, time: number) => Promise<SignedRequest>;

/** Proxies may add or change this header. The library leaves others (`cache-control`, `user-agent`) out itself. */
const UNSIGNED = new Set(['content-length']);

/**
 * Returns a signer for requests to S3 in one region, by AWS Signature Version 4 in the Authorization header.
 * `x-amz-content-sha256` must be among the headers: its value is signed in the body's place.
 */
export function requestSigner(
  region: string,
  { credentials, sha256 }: Pick<SignerSettings, 'credentials' | 'sha256'>,
): RequestSigner {
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials,
    sha256,
    // S3 alone signs a path as it is sent: other services encode it twice and drop empty segments.
    uriEscapePath: false,
  });
  return (request, time) =>
    signer.sign(request, { signingDate: new Date(time), unsignableHeaders: UNSIGNED });
}

/** Percent-encodes all but A-Z, a-z, 0-9, `-`, `.`, `_` and `~`. Throws URIError on what is no Unicode text. */
export function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
