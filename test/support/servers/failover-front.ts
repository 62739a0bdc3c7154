import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { issueCertificate } from './certificate.ts';
import type { DistributionPlan, EdgeOrigin } from '../aws/distribution.ts';
import { temporaryFolder } from '../temporary.ts';

export interface FailoverFront extends AsyncDisposable {
  /** `https://127.0.0.1:port`. */
  readonly url: string;
  /** The PEM file of its authority. */
  readonly certificate: string;
  /** The responses since the last call: `GET /path from origin: status`. */
  answers(): readonly string[];
}

/**
 * The methods at which an origin group fails over (CloudFront guide, "Optimize high availability").
 */
const FAILING_OVER = ['GET', 'HEAD', 'OPTIONS'];
/** The headers of a viewer that an origin receives. */
const FORWARDED = ['range', 'if-none-match', 'if-range', 'if-modified-since'];

/**
 * Represents the data plane of a distribution with origin groups. It asks the first origin of a
 * route, and the next one when the first cannot be reached or responds with a failover status. It
 * caches nothing, so a test never passes only because of a cached response. `buckets` gives the
 * bucket of an origin's domain, as `http://host:port/bucket`.
 */
export async function startFailoverFront(
  plan: DistributionPlan,
  buckets: Readonly<Record<string, string>>,
): Promise<FailoverFront> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await temporaryFolder()).path;
  const certificate = join(folder, 'certificate.pem');
  const keyFile = join(folder, 'key.pem');
  await issueCertificate(certificate, keyFile);
  const [cert, key] = await Promise.all([readFile(certificate), readFile(keyFile)]);
  let answers: string[] = [];

  const serve = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const { method = 'GET', url = '/' } = request;
    const tell = (by: string, status = 0) => answers.push(`${method} ${url} from ${by}: ${status}`);
    const verdict = plan.judge(method, url.split('?')[0]!);
    if ('statusCode' in verdict) {
      tell('edge', verdict.statusCode);
      response.writeHead(verdict.statusCode).end();
      return;
    }
    const { members, failoverStatuses } = plan.routeOf(verdict.uri);
    const asked = FAILING_OVER.includes(method) ? members : members.slice(0, 1);
    for (const [index, origin] of asked.entries()) {
      const isLast = index === asked.length - 1;
      const place = buckets[origin.domain];
      if (place === undefined) throw new Error(`there is no bucket for ${origin.domain}`);
      const answer = await askOrigin(origin, place + verdict.uri, request).catch(() => undefined);
      const status = answer?.statusCode ?? 502;
      if (!isLast && (answer === undefined || failoverStatuses.includes(status))) {
        answer?.destroy();
        continue;
      }
      tell(origin.id, status);
      if (answer === undefined) response.writeHead(status).end();
      else {
        response.writeHead(status, answer.headers);
        // When a response breaks off, it breaks off for the viewer too: no other origin continues
        // it.
        await pipeline(answer, response).catch(() => response.destroy());
      }
      return;
    }
  };
  const server = https.createServer({ cert, key }, (request, response) => {
    serve(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  resources.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const kept = resources.move();
  return {
    url: `https://127.0.0.1:${port}`,
    certificate,
    answers: () => {
      const told = answers;
      answers = [];
      return told;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Resolves when the response has begun. Rejects when no attempt could connect. */
async function askOrigin(
  { attempts, connectMs }: EdgeOrigin,
  url: string,
  viewer: http.IncomingMessage,
): Promise<http.IncomingMessage> {
  const headers = Object.fromEntries(
    Object.entries(viewer.headers).filter(([name]) => FORWARDED.includes(name)),
  );
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Promise((resolve, reject) => {
        const request = http.request(
          url,
          { method: viewer.method, headers, agent: false, timeout: connectMs },
          resolve,
        );
        request.once('timeout', () => request.destroy(new Error(`${url} does not answer`)));
        request.once('error', reject);
        request.end();
      });
    } catch (error) {
      if (attempt >= attempts) throw error;
    }
  }
}
