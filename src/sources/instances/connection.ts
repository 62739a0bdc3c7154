import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';

import { pinnedTo } from '../../net/pinned-certificate.ts';
import { wholeBody } from '../../bytes/borrowed-chunks.ts';
import { parseJson } from '../../json/decode.ts';
import { isObject, textOf } from '../../json/is-object.ts';

/** A running LXD or Incus could not do what was asked of it. `message` is complete for a person. */
export class InstanceServerError extends Error {
  override readonly name = 'InstanceServerError';
  /** The status that it answered with, if it answered. */
  readonly status: number | undefined;

  constructor(message: string, options: { cause?: unknown; status?: number } = {}) {
    super(message, { cause: options.cause });
    this.status = options.status;
  }
}

/** Where an LXD or Incus answers: its unix socket, or a URL, with the certificate it must have. */
export type ServerAddress =
  | { readonly socketPath: string }
  | {
      readonly url: string;
      /** PEM; without it the system's authorities decide. */
      readonly certificate?: string;
      /** PEM: who asks, where the server wants to know. */
      readonly client?: { readonly cert: string; readonly key: string };
    };

const ANSWER_LIMIT = 8 * 1024 * 1024;
/** Without a byte for this long a connection counts as lost, unless its answer may take its time. */
const IDLE_MS = 120_000;

export interface CallOptions {
  /** Sent as JSON. */
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
  /** The answer comes when something is done that may take hours. */
  readonly patient?: boolean;
}

/** One request with a JSON answer: its `metadata`. */
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
  // Incus has sent its status already when an operation that was waited for fails.
  if (answer['type'] === 'error') {
    const status = typeof answer['error_code'] === 'number' ? answer['error_code'] : 500;
    throw new InstanceServerError(`the source answers: ${String(answer['error'])}`, { status });
  }
  return answer['metadata'];
}

/** `/1.0/…` with each name encoded. */
export function path(
  names: readonly string[],
  query: Readonly<Record<string, string>> = {},
): string {
  const given = new URLSearchParams(query).toString();
  return `/1.0/${names.map(encodeURIComponent).join('/')}${given === '' ? '' : `?${given}`}`;
}

/** One request with whatever answer. */
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

/** Rejects with what an answer that is no success says. */
export async function failed(response: IncomingMessage): Promise<never> {
  let message = `status ${response.statusCode ?? 0}`;
  try {
    const answer = parseJson((await wholeBody(response, ANSWER_LIMIT)).toString('utf8'));
    message = textOf(answer, 'error') ?? message;
  } catch {
    // The status has to do.
  }
  throw new InstanceServerError(`the source answers: ${message}`, {
    ...(response.statusCode !== undefined && { status: response.statusCode }),
  });
}
