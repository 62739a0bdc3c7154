import type { IncomingHttpHeaders } from 'node:http';

/** The object's state for conditional requests. `etag` is quoted as in HTTP. */
export interface Validators {
  readonly etag: string;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

/** The bytes to send: all, a part (inclusive `start`, exclusive `end`), or an impossible range (416). */
export type RangeDecision =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

/**
 * Evaluates If-Match, If-None-Match and If-Modified-Since in the order of RFC 9110, section 13.2.2. Returns the
 * status of a response without a body, or undefined when the object must be sent.
 */
export function preconditionStatus(
  headers: IncomingHttpHeaders,
  { etag, lastModified }: Validators,
): 304 | 412 | undefined {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined && !listed(ifMatch, etag, 'strong')) return 412;
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) return listed(ifNoneMatch, etag, 'weak') ? 304 : undefined;
  const since = Date.parse(headers['if-modified-since'] ?? '');
  return wholeSeconds(lastModified) <= since ? 304 : undefined;
}

/**
 * Evaluates Range and If-Range. An unknown header, or one with several ranges, gives the whole object, as RFC
 * 9110, section 14.2, allows.
 */
export function decideRange(
  headers: IncomingHttpHeaders,
  size: number,
  validators: Validators,
): RangeDecision {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(headers.range ?? '');
  if (!match || !rangeStillHolds(headers['if-range']?.toString(), validators))
    return { kind: 'whole' };
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return { kind: 'whole' };

  if (first === '') {
    const start = Math.max(0, size - Number(last));
    return start < size ? { kind: 'part', start, end: size } : { kind: 'unsatisfiable' };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(size, Number(last) + 1);
  if (last !== '' && Number(last) < start) return { kind: 'whole' };
  return start < size ? { kind: 'part', start, end } : { kind: 'unsatisfiable' };
}

/** Returns whether the client accepts gzip; see RFC 9110, section 12.5.3. */
export function acceptsGzip(header: string | undefined): boolean {
  return weightOf('gzip', header) > 0;
}

function weightOf(coding: string, header = ''): number {
  const weights = new Map<string, number>();
  for (const item of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
    weights.set(name === 'x-gzip' ? 'gzip' : name, Number(weight) || 0);
  }
  return weights.get(coding) ?? weights.get('*') ?? 0;
}

function rangeStillHolds(ifRange: string | undefined, { etag, lastModified }: Validators): boolean {
  if (ifRange === undefined) return true;
  // If-Range compares strongly: a weak tag, ours or the client's, never matches.
  if (/^\s*(W\/)?"/.test(ifRange)) return listed(ifRange, etag, 'strong');
  return Date.parse(ifRange) === wholeSeconds(lastModified);
}

function listed(header: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (header.trim() === '*') return true;
  const tags: readonly string[] = header.match(/(?:W\/)?"[^"]*"/g) ?? [];
  if (comparison === 'strong') return !etag.startsWith('W/') && tags.includes(etag);
  return tags.some((tag) => opaque(tag) === opaque(etag));
}

function opaque(tag: string): string {
  return tag.replace(/^W\//, '');
}

/** HTTP dates have no fractions of a second. */
function wholeSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000) * 1000;
}
