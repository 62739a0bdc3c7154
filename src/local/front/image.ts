import { pipeline } from 'node:stream/promises';
import { IMAGES_CACHE_CONTROL, IMAGES_CONTENT_TYPE } from '../../facts/delivery-policy.ts';
import type { ObjectInfo } from '../../storage/object-store.ts';
import type { Exchange } from './exchange.ts';
import { wholeOrBroken } from './whole-or-broken.ts';
import { decideRange, preconditionStatus } from './negotiation.ts';
import { explain } from './problems.ts';

/**
 * Responds with an image file, or the requested range of it, exactly as stored. Never sends a Content-Encoding,
 * even if the store has one: Go's client would decode the file, and the hash would not match.
 */
export async function respondWithImage(info: ObjectInfo, exchange: Exchange): Promise<void> {
  const { request, response, signal, options } = exchange;
  const validators = { etag: `"${info.etag}"`, lastModified: info.lastModified };
  response.setHeader('ETag', validators.etag);
  response.setHeader('Last-Modified', new Date(info.lastModified).toUTCString());
  response.setHeader('Cache-Control', IMAGES_CACHE_CONTROL);
  response.setHeader('Accept-Ranges', 'bytes');
  const status = preconditionStatus(request.headers, validators);
  if (status !== undefined) {
    response.writeHead(status).end();
    return;
  }

  const range = decideRange(request.headers, info.size, validators);
  const { start, end } = range.kind === 'part' ? range : { start: 0, end: info.size };
  // Ranges apply to GET only (RFC 9110, section 14.2).
  if (range.kind === 'unsatisfiable' && request.method === 'GET') {
    response.setHeader('Content-Range', `bytes */${info.size}`);
    explain(exchange, 416, `The object has ${info.size} bytes.`);
    return;
  }
  response.setHeader('Content-Type', IMAGES_CONTENT_TYPE);
  if (request.method === 'HEAD') {
    response.writeHead(200, { 'Content-Length': info.size }).end();
    return;
  }

  const part = range.kind === 'part';
  const body = await options.store.read(info.key, {
    ifMatch: info.etag,
    signal,
    ...(part && { range: { start, end } }),
  });
  if (part) response.setHeader('Content-Range', `bytes ${start}-${end - 1}/${info.size}`);
  response.setHeader('Content-Length', end - start);
  response.statusCode = part ? 206 : 200;
  await pipeline(body.stream, wholeOrBroken(end - start), response, { signal });
}
