import type { ServerResponse } from 'node:http';
import { ALLOWED_METHODS, documentKeys, route } from '../../facts/delivery-policy.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ObjectInfo } from '../../storage/object-store.ts';
import { respondWithImage } from './image.ts';
import { respondWithDocument } from './document.ts';
import { blame, explain } from './problems.ts';
import type { Exchange } from './exchange.ts';

/** How often a read is tried when the object was replaced after its `stat`. */
const ATTEMPTS = 3;

/** The responder for each kind of object. */
const RESPONDERS = { document: respondWithDocument, image: respondWithImage };

/**
 * Responds to one request from the store. Rejects only when a response has started and cannot be completed. The
 * caller must then close the connection, so that the client notices the broken response.
 */
export async function respond(exchange: Exchange): Promise<void> {
  const { request, response, signal } = exchange;
  const found = route(pathOf(request.url ?? ''), documentKeys(exchange.options.documents));
  response.setHeader('X-Content-Type-Options', 'nosniff');
  if (found.kind === 'document') openToEveryOrigin(response);

  if (!ALLOWED_METHODS.includes(request.method ?? '')) {
    response.setHeader('Allow', ALLOWED_METHODS.join(', '));
    explain(exchange, 405, 'Only GET, HEAD and OPTIONS are answered here.');
  } else if (request.method === 'OPTIONS') {
    response.writeHead(204, { Allow: ALLOWED_METHODS.join(', ') }).end();
  } else if (found.kind === 'refused') {
    refuse(exchange, found.status);
  } else {
    try {
      await answerFrom(found.key, exchange, RESPONDERS[found.kind]);
    } catch (error) {
      if (response.headersSent || signal.aborted) throw error;
      blame(exchange, error);
    }
  }
}

async function answerFrom(
  key: string,
  exchange: Exchange,
  respond: (info: ObjectInfo, exchange: Exchange) => Promise<void>,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const info = await exchange.options.store.stat(key);
    if (info === undefined) {
      refuse(exchange, 404);
      return;
    }
    try {
      await respond(info, exchange);
      return;
    } catch (error) {
      // The object was replaced or removed after the `stat`: try again, unless the response has started.
      if (exchange.response.headersSent || attempt === ATTEMPTS) throw error;
      if (!isStoreError(error, 'precondition_failed', 'not_found')) throw error;
    }
  }
}

function refuse(exchange: Exchange, status: 403 | 404): void {
  explain(
    exchange,
    status,
    status === 403 ? 'Folders are not listed.' : 'There is no such object.',
  );
}

function openToEveryOrigin(response: ServerResponse): void {
  // Web interfaces of LXD and Incus read the index from the browser.
  response.setHeader('Access-Control-Allow-Origin', '*');
  response.setHeader('Access-Control-Allow-Methods', ALLOWED_METHODS.join(', '));
  response.setHeader('Access-Control-Allow-Headers', '*');
  response.setHeader('Access-Control-Expose-Headers', 'ETag, Last-Modified');
  response.setHeader('Access-Control-Max-Age', 86_400);
}

/**
 * Returns the path of a request's target. The target is a whole URL when the client treats this server as a proxy.
 */
function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?]*/i, '').replace(/\?.*$/s, '');
}
