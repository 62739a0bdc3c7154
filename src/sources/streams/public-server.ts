import { Agent as HttpAgent, get as httpGet, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, get as httpsGet, type AgentOptions } from 'node:https';

import { pinnedTo } from '../../net/pinned-certificate.ts';
import type { PublicSource } from '../../simplestreams/public-source.ts';
import { StoreError } from '../../storage/errors.ts';
import { DEFAULTS, type FetchPolicy } from './fetch-policy.ts';

/** A simplestreams server, read as a client reads it. */
export interface Remote extends PublicSource {
  /**
   * Opens a path below the URL. Rejects with a StoreError: `not_found` for 404 and 410, `access_denied` for 401
   * and 403, `unsupported` for a scheme that the policy does not allow, `unavailable` otherwise. A body that ends
   * early is an error of the stream.
   */
  open(path: string): Promise<IncomingMessage>;
  /** Closes all connections, including those of bodies that are being read. */
  close(): void;
}

/** Throws TypeError when `url` or the policy's certificate cannot be parsed. */
export function openRemote(url: string, policy: FetchPolicy = {}): Remote {
  const base = new URL(`${url.replace(/\/+$/, '')}/`);
  const fetcher: Fetcher = {
    policy: { ...DEFAULTS, ...policy },
    http: new HttpAgent({ keepAlive: true }),
    https: new HttpsAgent(trustOptions(policy)),
  };
  return {
    url,
    open: async (path) => follow(fetcher, new URL(path.replace(/^\/+/, ''), base)),
    close() {
      fetcher.http.destroy();
      fetcher.https.destroy();
    },
  };
}

interface Fetcher {
  readonly policy: FetchPolicy & Required<Pick<FetchPolicy, keyof typeof DEFAULTS>>;
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

function trustOptions({ certificate, authority }: FetchPolicy): AgentOptions {
  // A resumed TLS session would skip the comparison with the certificate.
  if (certificate !== undefined) {
    return { keepAlive: true, maxCachedSessions: 0, ...pinnedTo(certificate) };
  }
  return { keepAlive: true, ...(authority && { ca: [...authority.system, authority.pem] }) };
}

async function follow(fetcher: Fetcher, start: URL): Promise<IncomingMessage> {
  let url = start;
  for (let redirects = 0; ; redirects++) {
    const response = await request(fetcher, url);
    const status = response.statusCode ?? 0;
    if (status === 200) return response;
    discard(response);
    const { location } = response.headers;
    if (status < 300 || status >= 400 || location === undefined) throw refusal(url, status);
    if (redirects === fetcher.policy.redirects) {
      throw failure('unavailable', url, 'redirects too often');
    }
    url = new URL(location, url);
  }
}

function refusal(url: URL, status: number): StoreError {
  if (status === 404 || status === 410) return failure('not_found', url, 'is not there (404)');
  const denied = status === 401 || status === 403;
  return failure(denied ? 'access_denied' : 'unavailable', url, `answers with status ${status}`);
}

function request({ policy, http, https }: Fetcher, url: URL): Promise<IncomingMessage> {
  const { schemes, idle, signal, trustAdvice } = policy;
  if (!schemes.some((scheme) => scheme === url.protocol)) {
    const names = schemes.map((scheme) => scheme.slice(0, -1));
    const rule =
      names.length === 1 ? `is not ${names.join()}` : `is neither ${names.join(' nor ')}`;
    throw failure('unsupported', url, rule);
  }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  // As an option, the timeout also covers connecting.
  const options = { headers: { 'accept-encoding': 'identity' }, timeout: idle, signal };
  let response: IncomingMessage | undefined;
  const answered = (incoming: IncomingMessage) => resolve((response = incoming));
  const sent =
    url.protocol === 'https:'
      ? httpsGet(url, { ...options, agent: https }, answered)
      : httpGet(url, { ...options, agent: http }, answered);
  sent.on('timeout', () => {
    // Unread bytes mean that our reader is slow. The server then waits for it and is not silent.
    if (response && response.readableLength > 0) sent.setTimeout(idle);
    else sent.destroy(new Error(`silent for ${idle / 1000} s`));
  });
  sent.on('error', (error: NodeJS.ErrnoException) => {
    const reason = explain(error, trustAdvice);
    reject(failure('unavailable', url, `cannot be read: ${reason}`, error));
  });
  return promise;
}

/** Reuses the connection when the rest of the body is small, otherwise closes it. */
function discard(response: IncomingMessage): void {
  const length = Number(response.headers['content-length'] ?? Number.NaN);
  if (length <= MAX_DISCARDED) response.resume();
  else response.destroy();
}

/** The largest body that is read to reuse a connection, in bytes. */
const MAX_DISCARDED = 64 * 1024;

function explain(error: NodeJS.ErrnoException, trustAdvice: string | undefined): string {
  const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(error.code ?? '');
  const advice = untrusted && trustAdvice !== undefined ? `; ${trustAdvice}` : '';
  // Node's advice does not help the user of this program.
  const message = error.message.replace(/; if the root CA is installed locally.*/s, '');
  // An AggregateError of several addresses has an empty message.
  return `${message || error.code || 'the connection failed'}${advice}`;
}

function failure(
  code: 'not_found' | 'access_denied' | 'unavailable' | 'unsupported',
  url: URL,
  what: string,
  cause?: unknown,
): StoreError {
  return new StoreError(code, 'read', `${url.href} ${what}`, { key: url.pathname, cause });
}
