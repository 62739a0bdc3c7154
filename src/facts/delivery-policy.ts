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

/** What may be asked of public objects. */
export const ALLOWED_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * What answers a request for `path`: the raw path of the URL, still percent-encoded, without its query.
 * It is decoded once, name by name, as S3 does, so no encoded slash, dot or percent sign can lead elsewhere.
 *
 * Its source text also runs as a CloudFront Function (JavaScript runtime 2.0): it refers to nothing outside
 * of itself and keeps to what that runtime knows.
 */
export function route(path: string): Route {
  const missing: Route = { kind: 'refused', status: 404 };
  const folder: Route = { kind: 'refused', status: 403 };
  if (path === '/') return folder;
  if (path.charAt(0) !== '/' || path.length > 3072) return missing;

  const names = path.slice(1).split('/');
  const isFolder = names[names.length - 1] === '';
  if (isFolder) names.pop();
  for (let i = 0; i < names.length; i++) {
    names[i] = String(names[i]).replace(/%([0-7][0-9A-Fa-f])/g, function (_, hex: string) {
      return String.fromCharCode(parseInt(hex, 16));
    });
    // Safe names alone, and none that starts with a dot: see the upload layout.
    if (!/^[A-Za-z0-9_-][A-Za-z0-9._:-]*$/.test(String(names[i]))) return missing;
  }
  const key = names.join('/');
  if (isFolder || key === 'images' || key === 'streams' || key === 'streams/v1') return folder;

  if (/^streams\/v1\/[A-Za-z0-9._-]+\.json$/.test(key)) return { kind: 'streams', key: key };
  // S3 allows 1024 bytes a key. A file system may ignore case, so the comparison with removed.json does.
  const last = String(names[names.length - 1]).toLowerCase();
  if (names[0] === 'images' && names.length > 1 && key.length <= 1024 && last !== 'removed.json') {
    return { kind: 'image', key: key };
  }
  return missing;
}
