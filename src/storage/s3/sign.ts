import { createHash, createHmac } from 'node:crypto';

export interface SigningKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface SignedRequest {
  readonly method: string;
  /** Encoded as it is sent. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case, `host` among them. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the body, in hex. */
  readonly sha256: string;
}

/** What proxies may add to or change on the way cannot be signed. */
const SIGNED = /^(host|range|if-match|if-none-match|content-type|content-encoding|x-amz-.*)$/;

/**
 * Signs requests to S3 in one region: AWS Signature Version 4 in the Authorization header, the body's SHA-256
 * included (docs.aws.amazon.com, "Signature Calculations for the Authorization Header").
 */
export class RequestSigner {
  readonly #region: string;
  #key: { readonly secret: string; readonly day: string; readonly bytes: Buffer } | undefined;

  constructor(region: string) {
    this.#region = region;
  }

  /** All headers to send. `time` is in milliseconds since 1970. */
  sign(request: SignedRequest, keys: SigningKeys, time: number): Record<string, string> {
    const moment = new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
    const day = moment.slice(0, 8);
    const headers: Record<string, string> = {
      ...request.headers,
      'x-amz-date': moment,
      'x-amz-content-sha256': request.sha256,
      ...(keys.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
    };
    const names = Object.keys(headers)
      .filter((name) => SIGNED.test(name))
      .sort();
    const canonical = [
      request.method,
      request.path,
      queryString(request.query),
      ...names.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
      '',
      names.join(';'),
      request.sha256,
    ].join('\n');
    const scope = `${day}/${this.#region}/s3/aws4_request`;
    const digest = createHash('sha256').update(canonical).digest('hex');
    const text = `AWS4-HMAC-SHA256\n${moment}\n${scope}\n${digest}`;
    const signature = createHmac('sha256', this.#keyOf(keys.secretAccessKey, day))
      .update(text)
      .digest('hex');
    headers['authorization'] =
      `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, ` +
      `SignedHeaders=${names.join(';')}, Signature=${signature}`;
    return headers;
  }

  /** The same for a whole day. */
  #keyOf(secret: string, day: string): Buffer {
    if (this.#key?.secret !== secret || this.#key.day !== day) {
      let bytes = Buffer.from(`AWS4${secret}`);
      for (const part of [day, this.#region, 's3', 'aws4_request']) {
        bytes = createHmac('sha256', bytes).update(part).digest();
      }
      this.#key = { secret, day, bytes };
    }
    return this.#key.bytes;
  }
}

/** A query as it is signed: in the order of its names. */
export function queryString(query: Readonly<Record<string, string>>): string {
  return Object.keys(query)
    .sort()
    .map((name) => `${encoded(name)}=${encoded(query[name] ?? '')}`)
    .join('&');
}

/** Percent-encodes all but A-Z, a-z, 0-9, `-`, `.`, `_` and `~`. Throws URIError on what is no Unicode text. */
export function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
