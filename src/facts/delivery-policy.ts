/**
 * How public objects are delivered. The CDN's configuration, the local front and the writers of the objects
 * read it from here. This module imports nothing, so that infrastructure code and functions can both use it.
 */

export const STREAMS_PREFIX = 'streams/v1/';
export const INDEX_KEY = 'streams/v1/index.json';
export const IMAGES_KEY = 'streams/v1/images.json';

/** Seconds for which a client or an edge may use the public JSON without asking again. */
export const STREAMS_MAX_AGE = 60;
/** Seconds for which an edge may use an image file without asking again. */
export const IMAGES_MAX_AGE = 86_400;

const STREAMS_CACHE_CONTROL = `public, max-age=${STREAMS_MAX_AGE}`;
export const IMAGES_CACHE_CONTROL = `public, max-age=${IMAGES_MAX_AGE}`;
const STREAMS_CONTENT_TYPE = 'application/json';
export const IMAGES_CONTENT_TYPE = 'application/octet-stream';

/** CloudFront compresses objects of 1,000 to 10,000,000 bytes. Documents above this limit are stored gzipped. */
export const EDGE_COMPRESSION_LIMIT = 9_000_000;

/** How caches and fronts deliver a public document. */
export interface DocumentFacts {
  /** The key in the store, and the path in the URL. */
  readonly key: string;
  readonly contentType: string;
  readonly cacheControl: string;
}

/**
 * Every public document, in the order in which a publication writes them: the index is after the list that it
 * names. `pipeline/documents/public-documents.ts` renders each document, under the same key.
 */
export const DOCUMENT_FACTS = [
  {
    key: IMAGES_KEY,
    contentType: STREAMS_CONTENT_TYPE,
    cacheControl: STREAMS_CACHE_CONTROL,
  },
  {
    key: INDEX_KEY,
    contentType: STREAMS_CONTENT_TYPE,
    cacheControl: STREAMS_CACHE_CONTROL,
  },
] as const satisfies readonly DocumentFacts[];

export type DocumentKey = (typeof DOCUMENT_FACTS)[number]['key'];

/** A store may also contain lists of another program. They are served like ours. */
const OTHER_LISTS: DocumentFacts = {
  key: `${STREAMS_PREFIX}*.json`,
  contentType: STREAMS_CONTENT_TYPE,
  cacheControl: STREAMS_CACHE_CONTROL,
};

/** Returns the keys that `route` accepts as documents. A `*` matches the characters of one name. */
export function documentKeys(
  documents: readonly DocumentFacts[] = DOCUMENT_FACTS,
): readonly string[] {
  return [...documents.map(({ key }) => key), OTHER_LISTS.key];
}

/** Returns how to deliver a document that `route` accepted. */
export function documentFacts(
  key: string,
  documents: readonly DocumentFacts[] = DOCUMENT_FACTS,
): DocumentFacts {
  return documents.find((document) => document.key === key) ?? { ...OTHER_LISTS, key };
}

/** Patterns for the keys of all documents, for access policies: `streams/*`, or the key itself at the root. */
export const DOCUMENT_PATTERNS: readonly string[] = [
  ...new Set(documentKeys().map((key) => (key.includes('/') ? key.replace(/\/.*/, '/*') : key))),
];

/** The object that a request reads, or the status that rejects it. */
export type Route =
  | { readonly kind: 'document'; readonly key: string }
  | { readonly kind: 'image'; readonly key: string }
  /** The front itself responds with this status. */
  | { readonly kind: 'refused'; readonly status: 403 | 404 };

/** The HTTP methods that public objects allow. */
export const ALLOWED_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Finds the object for a request. `path` is the raw path of the URL, still percent-encoded, without its query.
 * Each name is decoded once, as S3 does, so an encoded slash, dot or percent sign cannot lead to another key.
 * `documents` are the keys that `documentKeys` returns. A folder shows its `index.html` if that is a document.
 *
 * The source text of this function also runs as a CloudFront Function (JavaScript runtime 2.0). So it refers to
 * nothing outside itself, and uses only features of that runtime.
 */
export function route(path: string, documents: readonly string[]): Route {
  const missing: Route = { kind: 'refused', status: 404 };
  const folder: Route = { kind: 'refused', status: 403 };
  if (path.charAt(0) !== '/' || path.length > 3072) return missing;

  const names = path.slice(1).split('/');
  const isFolder = names[names.length - 1] === '';
  if (isFolder) names.pop();
  for (let i = 0; i < names.length; i++) {
    names[i] = String(names[i]).replace(/%([0-7][0-9A-Fa-f])/g, function (_, hex: string) {
      return String.fromCharCode(parseInt(hex, 16));
    });
    // Only safe names, and none that starts with a dot: see the upload layout.
    if (!/^[A-Za-z0-9_-][A-Za-z0-9._:-]*$/.test(String(names[i]))) return missing;
  }
  const key = names.join('/');
  const page = names.concat('index.html').join('/');
  for (let i = 0; i < documents.length; i++) {
    const source = String(documents[i]).replace(/\./g, '\\.').replace(/\*/g, '[A-Za-z0-9._-]+');
    const pattern = new RegExp('^' + source + '$');
    if (!isFolder && pattern.test(key)) return { kind: 'document', key: key };
    if (isFolder && pattern.test(page)) return { kind: 'document', key: page };
  }
  if (isFolder || key === 'images' || key === 'streams' || key === 'streams/v1') return folder;

  // S3 allows 1024 bytes a key. A file system may ignore case, so the comparison with removed.json does.
  const last = String(names[names.length - 1]).toLowerCase();
  if (names[0] === 'images' && names.length > 1 && key.length <= 1024 && last !== 'removed.json') {
    return { kind: 'image', key: key };
  }
  return missing;
}
