import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';

import { pinnedTo } from '../../net/pinned-certificate.ts';
import { wholeBody } from '../../bytes/borrowed-chunks.ts';
import { parseJson } from '../../json/decode.ts';
import { isObject, textOf } from '../../json/is-object.ts';

/** A request to a running LXD or Incus failed. `message` is complete for a person. */
export class InstanceServerError extends Error {
  override readonly name = 'InstanceServerError';
  /** The HTTP status of the response, if there was one. */
  readonly status: number | undefined;

  constructor(message: string, options: { cause?: unknown; status?: number } = {}) {
    super(message, { cause: options.cause });
    this.status = options.status;
  }
}

/** The address of an LXD or Incus: its unix socket, or a URL and the certificate that the server must have. */
export type ServerAddress =
  | { readonly socketPath: string }
  | {
      readonly url: string;
      /** PEM. Without it the system's authorities decide. */
      readonly certificate?: string;
      /** PEM of the client's certificate, for servers that require one. */
      readonly client?: { readonly cert: string; readonly key: string };
    };

const ANSWER_LIMIT = 8 * 1024 * 1024;
/** Milliseconds without a byte after which a connection counts as lost, except with `patient`. */
const IDLE_MS = 120_000;

export interface CallOptions {
  /** Sent as JSON. */
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
  /** The response may take hours: the server sends it when an operation has ended. */
  readonly patient?: boolean;
}

/** Sends a request with a JSON response and returns its `metadata`. */
export async function call(
  address: ServerAddress,
  method: 'GET' | 'POST' | 'DELETE',
  target: string,
  options: CallOptions = {},
): Promise<unknown> {
  const response = await open(address, method, target, options);
  if ((response.statusCode ?? 500) >= 300) await failed(response);
  const answer = parseJson((await wholeBody(response, ANSWER_LIMIT)).toString('utf8'));
  if (!isObject(answer)) return undefined;
  // Incus sends the status before the end of an operation that is waited for. So a response with status 200 can
  // report an error.
  if (answer['type'] === 'error') {
    const status = typeof answer['error_code'] === 'number' ? answer['error_code'] : 500;
    throw new InstanceServerError(`the source answers: ${String(answer['error'])}`, { status });
  }
  return answer['metadata'];
}

/** Returns `/1.0/…` with every name encoded. */
export function path(
  names: readonly string[],
  query: Readonly<Record<string, string>> = {},
): string {
  const given = new URLSearchParams(query).toString();
  return `/1.0/${names.map(encodeURIComponent).join('/')}${given === '' ? '' : `?${given}`}`;
}

/** Sends a request and returns its response, of any status. */
export function open(
  address: ServerAddress,
  method: string,
  target: string,
  { body, signal, patient = false }: CallOptions = {},
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const payload = body && Buffer.from(JSON.stringify(body));
  const headers = payload
    ? { 'content-type': 'application/json', 'content-length': payload.length }
    : {};
  const options: RequestOptions = { method, headers, agent: false, signal };
  const sent =
    'socketPath' in address
      ? httpRequest({ ...options, socketPath: address.socketPath, path: target }, resolve)
      : httpsRequest(
          new URL(target, checkedUrl(address.url)),
          {
            ...options,
            ...address.client,
            ...(address.certificate ? pinnedTo(address.certificate) : {}),
          },
          resolve,
        );
  if (patient) sent.setSocketKeepAlive(true, IDLE_MS / 2);
  else {
    sent.setTimeout(IDLE_MS, () => {
      sent.destroy(new Error(`nothing came for ${IDLE_MS / 1000} s`));
    });
  }
  sent.on('error', (error) => {
    const where = 'socketPath' in address ? address.socketPath : address.url;
    reject(
      new InstanceServerError(`${where} cannot be reached: ${error.message}`, { cause: error }),
    );
  });
  sent.end(payload);
  return promise;
}

function checkedUrl(url: string): string {
  if (/^https:\/\//i.test(url) && URL.canParse(url)) return url;
  throw new InstanceServerError(`${JSON.stringify(url)} is no https URL`);
}

/** Rejects with the error message of a response. */
export async function failed(response: IncomingMessage): Promise<never> {
  let message = `status ${response.statusCode ?? 0}`;
  try {
    const answer = parseJson((await wholeBody(response, ANSWER_LIMIT)).toString('utf8'));
    message = textOf(answer, 'error') ?? message;
  } catch {
    // No error message in the body; the status is used.
  }
  throw new InstanceServerError(`the source answers: ${message}`, {
    ...(response.statusCode !== undefined && { status: response.statusCode }),
  });
}
