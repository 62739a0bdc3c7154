import http from 'node:http';
import https from 'node:https';

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** The body as received, not decoded. */
  readonly body: Buffer;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders;
  /** PEM of the only authority that is trusted. */
  readonly ca?: string;
  /** The path as it is sent, where a URL would change it. */
  readonly path?: string;
}

/** Sends a request and resolves when its response has begun. */
export function begin(url: string, asking: Asking = {}): Promise<http.IncomingMessage> {
  const { method = 'GET', headers = {}, ca, path } = asking;
  const base = new URL(url);
  return new Promise((resolve, reject) => {
    const options = {
      method,
      headers,
      host: base.hostname,
      port: base.port,
      path: path ?? base.pathname + base.search,
      agent: false as const,
      ...(ca !== undefined && { ca }),
    };
    const request =
      base.protocol === 'https:' ? https.request(options, resolve) : http.request(options, resolve);
    request.once('error', reject);
    request.end();
  });
}

/** Sends a request and resolves with its whole response. Rejects when the response breaks off. */
export async function ask(url: string, asking: Asking = {}): Promise<Answer> {
  const response = await begin(url, asking);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks),
  };
}
