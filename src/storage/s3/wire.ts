import type { S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { encoded, requestSigner, type RequestSigner } from './sign.ts';
import { isObject } from '../../json/is-object.ts';

/** A request for an object, or for a part of an object that is being uploaded. */
export interface WireOrder {
  readonly operation: 'GetObject' | 'PutObject' | 'UploadPart';
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** SHA-256 of the body in hex, if it is known; or `UNSIGNED-PAYLOAD`. */
  readonly sha256?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WireResponse {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Readable;
}

/** Address and region, from a successful request of the SDK. */
interface Address {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  /** The path before an object's key. */
  readonly path: string;
  readonly host: string;
  readonly userAgent: string;
  readonly signer: RequestSigner;
}

export interface WireOptions {
  readonly client: S3Client;
  /** Called before each request. */
  readonly onRequest: (operationName: string) => void;
  /** Called with the headers of each response. */
  readonly onResponse: (headers: WireResponse['headers']) => void;
  /** Milliseconds since 1970 by the server's clock. */
  readonly serverTime: () => number;
}

const EMPTY_SHA256 = createHash('sha256').digest('hex');
/** The SDK sends all requests after the server rejected this many that the SDK then sent with success. */
const MAX_REJECTIONS = 3;
/** Statuses that the SDK would receive too. They do not count as rejections. */
const ORDINARY = [404, 409, 412, 416];

/**
 * Sends requests for objects without the SDK's layers, which cost more processor time than the request itself. A
 * mirror sends thousands of them. The address and region come from a successful request of the SDK. The caller
 * repeats a failed request with the SDK, which has retries and redirects.
 */
export class S3Wire {
  readonly #options: WireOptions;
  #address: Address | undefined;
  #rejected = false;
  #rejections = 0;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** Learns the address from a request for `key` that the SDK sent and that succeeded. */
  learn(key: string, request: unknown): void {
    if (this.#address !== undefined) return;
    if (this.#rejected) this.#rejections += 1;
    this.#rejected = false;
    if (this.#rejections < MAX_REJECTIONS) {
      this.#address = addressOf(key, request, this.#options.client);
    }
  }

  /** Returns a successful response. Undefined means that the SDK has to send the request. Never rejects. */
  async send(order: WireOrder): Promise<WireResponse | undefined> {
    const address = this.#address;
    if (address === undefined) return undefined;
    const { client, onRequest, serverTime } = this.#options;
    try {
      const { operation, query = {}, body, signal } = order;
      const { signer, protocol, hostname, port } = address;
      const sha256 =
        order.sha256 ??
        (body === undefined ? EMPTY_SHA256 : createHash('sha256').update(body).digest('hex'));
      const request = {
        method: operation === 'GetObject' ? 'GET' : 'PUT',
        protocol,
        hostname,
        ...(port === undefined ? {} : { port }),
        path: address.path + order.key.split('/').map(encoded).join('/'),
        query: { ...query },
        headers: {
          ...order.headers,
          host: address.host,
          'user-agent': address.userAgent,
          'x-amz-content-sha256': sha256,
          ...(body === undefined ? {} : { 'content-length': String(body.byteLength) }),
        },
      };
      const signed = await signer(request, serverTime());
      if (signal?.aborted === true) return undefined;
      onRequest(operation);
      const outcome: unknown = await client.config.requestHandler.handle(
        { ...signed, body },
        signal === undefined ? {} : { abortSignal: signal },
      );
      return this.#responseOf(outcome);
    } catch {
      return undefined;
    }
  }

  #responseOf(outcome: unknown): WireResponse | undefined {
    if (!isObject(outcome) || !isObject(outcome['response'])) return undefined;
    const { statusCode: status, headers: received, body } = outcome['response'];
    if (typeof status !== 'number' || !isObject(received)) return undefined;
    if (!(body instanceof Readable)) return undefined;
    const headers = Object.fromEntries(
      Object.entries(received).filter((entry): entry is [string, string] => {
        return typeof entry[1] === 'string';
      }),
    );
    this.#options.onResponse(headers);
    if (status === 200 || status === 206) return { headers, body };
    // The connection can be used again after its response was read. Errors of this read are ignored.
    body.on('error', () => undefined).resume();
    if (status < 500 && !ORDINARY.includes(status)) {
      this.#rejected = true;
      this.#address = undefined;
    }
    return undefined;
  }
}

/** Extracts the address of objects from a request for `key`. Undefined if it was signed in another way than ours. */
function addressOf(key: string, request: unknown, client: S3Client): Address | undefined {
  if (!isObject(request) || !isObject(request['headers'])) return undefined;
  const { protocol, hostname, port, path, headers } = request;
  const { host, authorization, 'user-agent': userAgent } = headers;
  if (typeof protocol !== 'string' || typeof hostname !== 'string' || typeof path !== 'string')
    return undefined;
  if (typeof host !== 'string' || typeof authorization !== 'string') return undefined;
  const region = /^AWS4-HMAC-SHA256 Credential=[^,]+\/\d{8}\/([^/,]+)\/s3\/aws4_request,/.exec(
    authorization,
  )?.[1];
  const end = key.split('/').map(encoded).join('/');
  if (region === undefined || !path.endsWith(`/${end}`)) return undefined;
  return {
    protocol,
    hostname,
    ...(typeof port === 'number' ? { port } : {}),
    path: path.slice(0, -end.length),
    host,
    userAgent: typeof userAgent === 'string' ? userAgent : 'bucketstreams',
    signer: requestSigner(region, client.config),
  };
}
