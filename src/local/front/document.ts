import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { documentFacts } from '../../facts/delivery-policy.ts';
import type { ObjectInfo } from '../../storage/object-store.ts';
import type { Exchange } from './exchange.ts';
import { wholeOrBroken } from './whole-or-broken.ts';
import { acceptsGzip, preconditionStatus } from './negotiation.ts';

/** Bytes. Compression saves little on smaller documents; the CDN has the same limit. */
const LEAST_TO_COMPRESS = 1000;

/**
 * Responds with a complete public document. Ranges are ignored, as HTTP allows. The encoding, gzip or none,
 * depends on what the client accepts, not on how the document is stored.
 */
export async function respondWithDocument(info: ObjectInfo, exchange: Exchange): Promise<void> {
  const { request, response, signal, options } = exchange;
  const { contentType, cacheControl } = documentFacts(info.key, options.documents);
  const asStored = `"${info.etag}"`;
  // Unchanged bytes have the store's ETag; bytes that we compress or decompress have its weak form.
  const recoded = `W/${asStored}`;
  // HTTP/1.0 has no chunks: a body of unknown length that ends early would look complete to the client.
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

  // HEAD opens the body too: only an open body shows its stored encoding.
  const body = await options.store.read(info.key, { ifMatch: info.etag, signal });
  const storedGzip = body.contentEncoding === 'gzip';
  const coder = coderFor(storedGzip, takesGzip, compress);
  response.setHeader('Content-Type', contentType);
  response.setHeader('ETag', coder === undefined ? asStored : recoded);
  if (takesGzip && (storedGzip || compress)) response.setHeader('Content-Encoding', 'gzip');
  if (coder === undefined) response.setHeader('Content-Length', info.size);
  else if (!chunks) response.shouldKeepAlive = false;

  if (request.method === 'HEAD') {
    // The stream may already have failed because the connection ended; its error is ignored.
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
