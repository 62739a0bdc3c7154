import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { clientCertificate } from '../../net/certificates.ts';
import { clientFault, respondWithFault } from './faults.ts';
import { GatewayError, operation, send, sync, type ApiResponse } from './responses.ts';
import type { Call, GatewayParts } from './call.ts';
import { ClientGoneError } from './client-gone.ts';
import { serverDocument } from './documents.ts';
import { createAlias, deleteImage, listImages, showAlias, showImage } from './images.ts';
import { decoded, jsonBody, requireClient, text } from './request.ts';
import type { TrustedClient } from '../trust-store.ts';
import { join, upload } from './uploads.ts';

const RECEIVES_ONLY =
  'this server only takes images in; launch and copy them from its public simplestreams remote';
/** Milliseconds for which the sender of a rejected upload may continue to send, so that it reads the response. */
const LINGER_MS = 10_000;

/** Responds to requests like a private LXD or Incus server that only receives images. */
export function requestListener(
  parts: GatewayParts,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => void handle(parts, request, response);
}

async function handle(
  parts: GatewayParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let call: Call | undefined;
  const gone = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) gone.abort(new ClientGoneError());
    lingerOver(request);
  });
  try {
    const url = new URL(request.url ?? '/', 'https://gateway');
    const certificate = clientCertificate(request.socket as TLSSocket, parts.uploads.now());
    call = { request, url, certificate, client: undefined, gone: gone.signal };
    const client = certificate && (await parts.trust.find(certificate));
    call = { ...call, client };
    send(response, await route(parts, call));
  } catch (error) {
    if (call) respondWithFault(parts, call, response, error);
    else response.writeHead(400).end();
  }
}

/**
 * Continues to read for a moment after an early response. A sender whose connection closes while it sends never
 * reads the response.
 */
function lingerOver(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  request.resume();
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
}

async function route(parts: GatewayParts, call: Call): Promise<ApiResponse> {
  const { request, url, client } = call;
  const names = url.pathname
    .split('/')
    .filter(Boolean)
    .map((name) => decoded(name, 'the path'));
  const [version, collection, ...rest] = names;
  if (version === undefined) return sync(['/1.0']);
  if (version !== '1.0') throw notFound();
  if (collection === undefined) return sync(serverDocument(parts, client));
  if (collection === 'certificates' && rest.length === 0 && request.method === 'POST') {
    return join(parts, call);
  }
  if (collection === 'operations') return operationCall(parts, call, rest);
  if (collection === 'images' && rest.length === 0 && request.method === 'POST') {
    return upload(parts, call);
  }
  if (collection === 'images' && !client && request.method === 'GET' && rest.length > 0) {
    // A daemon sends this request when its client wants to launch or copy an image from here.
    throw new GatewayError(403, `not authorized: ${RECEIVES_ONLY}`);
  }
  const trusted = requireClient(call);
  if (collection === 'images') return images(parts, call, trusted, rest);
  if (collection === 'certificates' && rest.length === 0 && request.method === 'GET') {
    if (url.searchParams.get('recursion') !== '1') {
      return sync([`/1.0/certificates/${trusted.fingerprint}`]);
    }
    throw new GatewayError(
      403,
      'whom this server trusts is told on its own machine: bucketstreams gateway trust list',
    );
  }
  throw new GatewayError(404, `not found: ${RECEIVES_ONLY}`);
}

async function images(
  parts: GatewayParts,
  { request, url }: Call,
  client: TrustedClient,
  [first, second, ...more]: readonly string[],
): Promise<ApiResponse> {
  const { uploads, operations } = parts;
  const { method } = request;
  const recursion = url.searchParams.get('recursion') === '1';
  if (first === undefined && method === 'GET') {
    const list = await listImages(uploads, client);
    return sync(recursion ? list : list.map(imageUrl));
  }
  if (first === 'aliases') {
    if (second === undefined && method === 'POST') {
      const body = await jsonBody(parts, request);
      const target = text(body, 'target');
      await createAlias(uploads, text(body, 'name'), target, client).catch(
        explained(parts, client, target),
      );
      return sync(null);
    }
    // Products define their own aliases. Clients would try to move any alias in this list.
    if (second === undefined && method === 'GET') return sync([]);
    if (second !== undefined) {
      const name = [second, ...more].join('/');
      if (method === 'GET') return sync(await showAlias(uploads, name, client));
      if (method === 'DELETE') {
        await showAlias(uploads, name, client);
        return sync(null);
      }
    }
  } else if (first !== undefined && second === undefined) {
    if (method === 'GET') {
      return sync(await showImage(uploads, first, client).catch(explained(parts, client, first)));
    }
    if (method === 'DELETE') {
      await deleteImage(uploads, first, client);
      return operation(operations.finished('Deleting image', null));
    }
    if (method === 'PUT' || method === 'PATCH') {
      throw new GatewayError(
        400,
        'images here cannot be changed; product.toml has what can be set',
      );
    }
  } else if (second === 'export' || second === 'secret') {
    throw new GatewayError(400, RECEIVES_ONLY);
  }
  throw notFound();
}

/**
 * Returns an error handler that throws the error again. When an image is missing because its upload failed, it
 * adds the reason.
 */
function explained({ failures }: GatewayParts, client: TrustedClient, fingerprint: string) {
  return (error: unknown): never => {
    const { status, message } = clientFault(error);
    if (status !== 404) throw error;
    const why = failures.explain(client.fingerprint, fingerprint);
    throw new GatewayError(404, `${message}${why}`);
  };
}

function imageUrl(image: object): string {
  return `/1.0/images/${'fingerprint' in image ? String(image.fingerprint) : ''}`;
}

function operationCall(
  { operations }: GatewayParts,
  call: Call,
  [id, action]: readonly string[],
): ApiResponse {
  const { request, url, client } = call;
  if (id === undefined) {
    requireClient(call);
    return sync({});
  }
  const secret = url.searchParams.get('secret');
  const allowed = client !== undefined || (secret !== null && operations.mayAsk(id, secret));
  const found = operations.find(id);
  if (!allowed) throw new GatewayError(403, 'not authorized');
  if (!found) throw new GatewayError(404, 'Operation not found');
  if (request.method === 'DELETE' && action === undefined) {
    operations.remove(id);
    return sync(null);
  }
  if (request.method === 'GET' && (action === undefined || action === 'wait')) {
    return sync(found);
  }
  throw notFound();
}

function notFound(): GatewayError {
  return new GatewayError(404, 'not found');
}
