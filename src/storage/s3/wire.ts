import type { S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { encoded, requestSigner, type RequestSigner } from './sign.ts';
import { isObject } from '../../json/is-object.ts';

/** A request for an object, or for a part of one that is being uploaded. */
export interface WireOrder {
  readonly operation: 'GetObject' | 'PutObject' | 'UploadPart';
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** SHA-256 of the body in hex, where it is known; or `UNSIGNED-PAYLOAD`. */
  readonly sha256?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WireResponse {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Readable;
}

/** Address and region of a request of the SDK that succeeded. */
interface Address {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  /** All that stands before an object's key. */
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
  readonly onAnswer: (headers: WireResponse['headers']) => void;
  /** Milliseconds since 1970 by the server's clock. */
  readonly serverTime: () => number;
}

const EMPTY_SHA256 = createHash('sha256').digest('hex');
/** After so many refusals of requests that the SDK then made with success, the SDK makes all requests. */
const MAX_REFUSALS = 3;
/** Statuses that the SDK would get too. */
const ORDINARY = [404, 409, 412, 416];

/**
 * Sends requests for objects without the SDK's layers, which cost more processor time than a request itself. A
 * mirror sends thousands of them. Address and region are those of a successful request of the SDK. A request that
 * fails is for the SDK to repeat, with its retries and redirects.
 */
export class S3Wire {
  readonly #options: WireOptions;
  #address: Address | undefined;
  #refused = false;
  #refusals = 0;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** Takes note of a request for `key` that succeeded, as the SDK sent it. */
  learn(key: string, request: unknown): void {
    if (this.#address !== undefined) return;
    if (this.#refused) this.#refusals += 1;
    this.#refused = false;
    if (this.#refusals < MAX_REFUSALS) {
      this.#address = addressOf(key, request, this.#options.client);
    }
  }

  /** The response, if it is a success. Else undefined: the SDK has to send the request. Never rejects. */
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
      return this.#judged(outcome);
    } catch {
      return undefined;
    }
  }

  #judged(outcome: unknown): WireResponse | undefined {
    if (!isObject(outcome) || !isObject(outcome['response'])) return undefined;
    const { statusCode: status, headers: received, body } = outcome['response'];
    if (typeof status !== 'number' || !isObject(received)) return undefined;
    if (!(body instanceof Readable)) return undefined;
    const headers = Object.fromEntries(
      Object.entries(received).filter((entry): entry is [string, string] => {
        return typeof entry[1] === 'string';
      }),
    );
    this.#options.onAnswer(headers);
    if (status === 200 || status === 206) return { headers, body };
    // A connection can be used again once its response is read; an error in that is ignored.
    body.on('error', () => undefined).resume();
    if (status < 500 && !ORDINARY.includes(status)) {
      this.#refused = true;
      this.#address = undefined;
    }
    return undefined;
  }
}

/** Takes the address of objects from a request for `key`. Undefined where it was signed in another way than ours. */
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
