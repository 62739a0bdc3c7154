import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { createHash, X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';

import { gatheredBody } from './gathered-body.ts';
import { wholeBody } from './gateway-body.ts';
import { multipartBoundary, multipartParts } from './multipart-parts.ts';
import type { IncomingImage } from './receive-image.ts';

/** A running LXD or Incus could not do what was asked of it. `message` is complete for a person. */
export class InstanceServerError extends Error {
  override readonly name = 'InstanceServerError';
  /** The status of its answer, if there was one. */
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

/** What of an image's description is of use here (`api.Image`). */
export interface SourceImage {
  readonly fingerprint: string;
  readonly properties: Readonly<Record<string, string>>;
  /** Bytes; 0 when it is not told. */
  readonly size: number;
}

const ANSWER_LIMIT = 8 * 1024 * 1024;
/** Without a byte for this long a connection counts as lost. A server may take its time before an answer. */
const IDLE_MS = 120_000;

/** Looks an image up by fingerprint, its beginning, or alias. */
export async function findImage(
  address: ServerAddress,
  name: string,
  query: Readonly<Record<string, string>> = {},
): Promise<SourceImage> {
  const direct = /^[0-9a-f]{12,64}$/.test(name)
    ? await call(address, 'GET', path(['images', name], query)).catch(() => undefined)
    : undefined;
  if (direct) return parseImage(direct);
  if (query['secret'] !== undefined) {
    return parseImage(await call(address, 'GET', path(['images', name], query)));
  }
  const alias = await call(address, 'GET', path(['images', 'aliases', name], query));
  const target = isMap(alias) ? alias['target'] : undefined;
  if (typeof target !== 'string') throw odd('an alias without a target');
  return parseImage(await call(address, 'GET', path(['images', target], query)));
}

/** Opens an image's export. */
export async function exportImage(
  address: ServerAddress,
  fingerprint: string,
  query: Readonly<Record<string, string>> = {},
): Promise<IncomingImage> {
  const response = await send(address, 'GET', path(['images', fingerprint, 'export'], query));
  if (response.statusCode !== 200) await failed(response);
  const boundary = multipartBoundary(response.headers['content-type']);
  const body = gatheredBody(response);
  return boundary === undefined
    ? { kind: 'unified', body }
    : { kind: 'split', parts: multipartParts(body, boundary) };
}

/** One request with a JSON answer: its `metadata`. */
export async function call(
  address: ServerAddress,
  method: 'GET' | 'POST' | 'DELETE',
  target: string,
  body?: object,
): Promise<unknown> {
  const response = await send(address, method, target, body);
  if ((response.statusCode ?? 500) >= 300) await failed(response);
  const answer: unknown = JSON.parse((await wholeBody(response, ANSWER_LIMIT)).toString('utf8'));
  if (!isMap(answer)) return undefined;
  // Incus has sent its status already when an operation that was waited for fails.
  if (answer['type'] === 'error') {
    throw new InstanceServerError(`the source answers: ${String(answer['error'])}`);
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

function send(
  address: ServerAddress,
  method: string,
  target: string,
  body?: object,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const payload = body && Buffer.from(JSON.stringify(body));
  const headers = payload
    ? { 'content-type': 'application/json', 'content-length': payload.length }
    : {};
  const options: RequestOptions = { method, headers, agent: false };
  const sent =
    'socketPath' in address
      ? httpRequest({ ...options, socketPath: address.socketPath, path: target }, resolve)
      : httpsRequest(
          new URL(target, checkedUrl(address.url)),
          tlsOptions({ ...options, ...address.client }, address),
          resolve,
        );
  sent.setTimeout(IDLE_MS, () => {
    sent.destroy(new Error(`nothing came for ${IDLE_MS / 1000} s`));
  });
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

/** With a certificate given, the server must have that very one, whoever signed it, for whatever name. */
function tlsOptions(options: RequestOptions, { certificate }: { certificate?: string }) {
  if (!certificate) return options;
  const wanted = fingerprintOf(new X509Certificate(certificate).raw);
  return {
    ...options,
    ca: [certificate],
    allowPartialTrustChain: true,
    checkServerIdentity: (_: string, { raw }: PeerCertificate) =>
      fingerprintOf(raw) === wanted
        ? undefined
        : new Error('its certificate is another than the one that was announced'),
  };
}

function fingerprintOf(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex');
}

async function failed(response: IncomingMessage): Promise<never> {
  let message = `status ${response.statusCode ?? 0}`;
  try {
    const answer: unknown = JSON.parse((await wholeBody(response, ANSWER_LIMIT)).toString('utf8'));
    if (isMap(answer) && typeof answer['error'] === 'string') message = answer['error'];
  } catch {
    // The status has to do.
  }
  throw new InstanceServerError(`the source answers: ${message}`, {
    ...(response.statusCode !== undefined && { status: response.statusCode }),
  });
}

function parseImage(value: unknown): SourceImage {
  if (!isMap(value) || typeof value['fingerprint'] !== 'string') {
    throw odd('an image without a fingerprint');
  }
  const properties = isMap(value['properties']) ? value['properties'] : {};
  const entries = Object.entries(properties).flatMap(([name, text]) =>
    typeof text === 'string' ? [[name, text] as const] : [],
  );
  const size = typeof value['size'] === 'number' ? value['size'] : 0;
  return { fingerprint: value['fingerprint'], properties: Object.fromEntries(entries), size };
}

function odd(what: string): InstanceServerError {
  return new InstanceServerError(`the source answers with ${what}; is it an LXD or Incus server?`);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
