import { get as httpGet, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent, get as httpsGet } from 'node:https';

import { StoreError } from '../../storage/errors.ts';

/** A simplestreams server, read as a client reads it. */
export interface Remote {
  readonly url: string;
  /**
   * Opens a path below the URL. Rejects with a StoreError: `not_found` for 404 and 410, `access_denied` for
   * 401 and 403, `unavailable` for the rest. A body that ends early is an error of the stream.
   */
  open(path: string): Promise<IncomingMessage>;
  close(): void;
}

/** An authority to trust beside the known ones. */
export interface TrustedAuthority {
  readonly pem: string;
  readonly system: readonly string[];
}

const MAX_REDIRECTS = 5;
/** Without a byte for this long a connection counts as lost, in milliseconds. */
const IDLE_MS = 60_000;

/** `ca` is a PEM certificate to trust beside those of the system. */
export function openRemote(url: string, ca?: TrustedAuthority): Remote {
  const base = new URL(url.endsWith('/') ? url : `${url}/`);
  const agent = new Agent({ keepAlive: true, ...(ca && { ca: [...ca.system, ca.pem] }) });
  return {
    url,
    open: (path) => follow(new URL(path.replace(/^\/+/, ''), base), agent, MAX_REDIRECTS),
    close: () => agent.destroy(),
  };
}

async function follow(url: URL, agent: Agent, redirects: number): Promise<IncomingMessage> {
  const response = await request(url, agent);
  const status = response.statusCode ?? 0;
  if (status === 200) return response;
  response.resume();
  const { location } = response.headers;
  if (status >= 300 && status < 400 && location !== undefined) {
    if (redirects === 0) throw failure('unavailable', url, 'redirects too often');
    return follow(new URL(location, url), agent, redirects - 1);
  }
  if (status === 404 || status === 410) throw failure('not_found', url, 'is not there (404)');
  const denied = status === 401 || status === 403;
  throw failure(denied ? 'access_denied' : 'unavailable', url, `answers with status ${status}`);
}

function request(url: URL, agent: Agent): Promise<IncomingMessage> {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw failure('unsupported', url, 'is neither https nor http');
  }
  return new Promise((resolve, reject) => {
    const options: RequestOptions = { headers: { 'accept-encoding': 'identity' } };
    const sent =
      url.protocol === 'https:'
        ? httpsGet(url, { ...options, agent }, resolve)
        : httpGet(url, options, resolve);
    sent.setTimeout(IDLE_MS, () => sent.destroy(new Error(`silent for ${IDLE_MS / 1000} s`)));
    sent.on('error', (error: NodeJS.ErrnoException) => {
      reject(failure('unavailable', url, `cannot be read: ${explain(error)}`, error));
    });
  });
}

function explain(error: NodeJS.ErrnoException): string {
  const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(error.code ?? '');
  const advice = untrusted ? "; give the server's certificate authority with --ca FILE" : '';
  // An AggregateError of several addresses has an empty message.
  // What Node advises about itself is of no use to whoever runs this program.
  const message = error.message.replace(/; if the root CA is installed locally.*/s, '');
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
