import { SignatureV4 } from '@smithy/signature-v4';

type SignerSettings = ConstructorParameters<typeof SignatureV4>[0];
/** A request to sign. Its path is encoded as it is sent. Its header names are in lower case. */
type SignableRequest = Parameters<SignatureV4['presign']>[0];
type SignedRequest = Awaited<ReturnType<SignatureV4['presign']>>;
/** `time` is in milliseconds since 1970. Rejects if there are no credentials. */
export type RequestSigner = (request: SignableRequest, time: number) => Promise<SignedRequest>;

/** Not signed, because proxies may add or change it. The library itself leaves out `cache-control` and `user-agent`. */
const UNSIGNED = new Set(['content-length']);

/**
 * Returns a signer for requests to S3 in one region, by AWS Signature Version 4 in the Authorization header.
 * The headers must include `x-amz-content-sha256`: its value is signed instead of the body.
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
    // S3 signs the path as it is sent. Other services encode it twice and drop empty segments.
    uriEscapePath: false,
  });
  return (request, time) =>
    signer.sign(request, { signingDate: new Date(time), unsignableHeaders: UNSIGNED });
}

/** Percent-encodes all but A-Z, a-z, 0-9, `-`, `.`, `_` and `~`. Throws URIError for invalid Unicode. */
export function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
