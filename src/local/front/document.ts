import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { documentFacts } from '../../facts/delivery-policy.ts';
import type { ObjectInfo } from '../../storage/object-store.ts';
import type { Exchange } from './exchange.ts';
import { wholeOrBroken } from './whole-or-broken.ts';
import { acceptsGzip, preconditionStatus } from './negotiation.ts';

/** Bytes. Compression does not shrink smaller documents much; the CDN has the same limit. */
const LEAST_TO_COMPRESS = 1000;

/**
 * Responds with a public document, always whole (a client may ask for a range, but need not be given one),
 * plain or compressed as the client takes it, however it is stored.
 */
export async function respondWithDocument(info: ObjectInfo, exchange: Exchange): Promise<void> {
  const { request, response, signal, options } = exchange;
  const { contentType, cacheControl } = documentFacts(info.key, options.documents);
  const asStored = `"${info.etag}"`;
  // The stored bytes have the store's ETag; bytes that we code or decode have its weak form.
  const recoded = `W/${asStored}`;
  // HTTP/1.0 knows no chunks: a body of unknown length that breaks off would look whole to it.
  const chunks = request.httpVersion !== '1.0';
  const takesGzip = acceptsGzip(request.headers['accept-encoding']);
  const compress = takesGzip && chunks && info.size >= LEAST_TO_COMPRESS;

  response.setHeader('Last-Modified', new Date(info.lastModified).toUTCString());
  response.setHeader('Cache-Control', cacheControl);
  response.setHeader('Vary', 'Accept-Encoding');
  response.setHeader('ETag', compress ? recoded : asStored);
  const status = preconditionStatus(request.headers, {
    etag: asStored,
    lastModified: info.lastModified,
  });
  if (status !== undefined) {
    response.writeHead(status).end();
    return;
  }

  // HEAD opens it too: only an open body shows how it is stored.
  const body = await options.store.read(info.key, { ifMatch: info.etag, signal });
  const storedGzip = body.contentEncoding === 'gzip';
  const coder = coderFor(storedGzip, takesGzip, compress);
  response.setHeader('Content-Type', contentType);
  response.setHeader('ETag', coder === undefined ? asStored : recoded);
  if (takesGzip && (storedGzip || compress)) response.setHeader('Content-Encoding', 'gzip');
  if (coder === undefined) response.setHeader('Content-Length', info.size);
  else if (!chunks) response.shouldKeepAlive = false;

  if (request.method === 'HEAD') {
    // The connection's end may already have made it fail; nobody waits for it.
    body.stream.on('error', () => undefined).destroy();
    response.writeHead(200).end();
    return;
  }
  const checked = wholeOrBroken(info.size);
  if (coder === undefined) await pipeline(body.stream, checked, response, { signal });
  else await pipeline(body.stream, checked, coder, response, { signal });
}

function coderFor(
  storedGzip: boolean,
  takesGzip: boolean,
  compress: boolean,
): Transform | undefined {
  if (storedGzip) return takesGzip ? undefined : createGunzip();
  return compress ? createGzip() : undefined;
}
