/**
 * How public objects are delivered, for the CDN's configuration, the local front and the writers of the
 * objects alike. This module imports nothing, so that infrastructure code and functions can both use it.
 */

export const STREAMS_PREFIX = 'streams/v1/';
export const INDEX_KEY = 'streams/v1/index.json';
export const IMAGES_KEY = 'streams/v1/images.json';

/** Seconds for which a client or an edge may use the public JSON without asking again. */
export const STREAMS_MAX_AGE = 60;
/** Seconds for which an edge may use an image file without asking again. */
export const IMAGES_MAX_AGE = 86_400;

export const STREAMS_CACHE_CONTROL = `public, max-age=${STREAMS_MAX_AGE}`;
export const IMAGES_CACHE_CONTROL = `public, max-age=${IMAGES_MAX_AGE}`;
export const STREAMS_CONTENT_TYPE = 'application/json';
export const IMAGES_CONTENT_TYPE = 'application/octet-stream';

/** CloudFront compresses objects of 1,000 to 10,000,000 bytes; JSON above this is stored gzipped by us. */
export const EDGE_COMPRESSION_LIMIT = 9_000_000;

/** What a path of a request may be answered from. */
export type Route =
  | { readonly kind: 'streams'; readonly key: string }
  | { readonly kind: 'image'; readonly key: string }
  /** Answered at the front with this status. */
  | { readonly kind: 'refused'; readonly status: 403 | 404 };
