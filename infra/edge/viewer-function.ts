import { documentKeys, route } from '../../src/facts/delivery-policy.ts';

const DOCUMENT_KEYS = documentKeys();

/** The part of a viewer request event that the function uses (CloudFront Functions event structure). */
interface ViewerRequest {
  readonly request: {
    readonly method: string;
    uri: string;
    querystring: object;
  };
}

/**
 * Responds at the edge to requests for what is no public object, by the delivery policy. It requests every
 * other object from the origin under one name, so that it is cached once. Its source runs in CloudFront's
 * JavaScript runtime 2.0, together with the sources of `DOCUMENT_KEYS` and `route`.
 */
function handler(event: ViewerRequest): unknown {
  const request = event.request;
  const answer = route(request.uri, DOCUMENT_KEYS);
  if (answer.kind === 'refused') {
    return {
      statusCode: answer.status,
      statusDescription: answer.status === 403 ? 'Forbidden' : 'Not Found',
      headers: { 'cache-control': { value: 'public, max-age=60' } },
    };
  }
  if (request.method === 'OPTIONS') {
    return {
      statusCode: 204,
      statusDescription: 'No Content',
      headers: {
        'access-control-allow-origin': { value: '*' },
        'access-control-allow-methods': { value: 'GET, HEAD, OPTIONS' },
        'access-control-allow-headers': { value: '*' },
        'access-control-max-age': { value: '86400' },
      },
    };
  }
  request.uri = '/' + answer.key;
  request.querystring = {};
  return request;
}

/** Returns the source of the function. CloudFront accepts up to 10 KB. */
export function edgeFunctionCode(): string {
  const keys = `const DOCUMENT_KEYS = ${JSON.stringify(DOCUMENT_KEYS)};`;
  return [keys, route.toString(), handler.toString()].join('\n');
}
