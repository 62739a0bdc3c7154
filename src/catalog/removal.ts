import type { ETag } from '../storage/object-store.ts';
import type { Removal } from './document.ts';
import { decodeText } from '../json/decode.ts';
import { exactly, object, optional, parsed, recordOf } from '../json/decoders.ts';
import { etag } from './field-decoders.ts';

/**
 * `removed.json` is stored beside the files of a version and lists the files that are withdrawn. It is an
 * ordinary object, so that events, scans and a rebuilt catalog give the same result.
 */
export interface RemovalMarker {
  readonly schema: 1;
  /** File name to the ETag that is withdrawn. */
  readonly files: Readonly<Record<string, ETag>>;
  /**
   * File name to the second at which the withdrawn state was stored, as `2026-01-31T23:59:59Z`. Most ETags in
   * S3 depend on the bytes alone, and the same bytes stored later are a new upload. Without this field, the
   * ETag alone decides.
   */
  readonly times?: Readonly<Record<string, string>>;
}

/** The properties of a file that a marker is compared with. */
export interface FileState {
  readonly etag: ETag;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

/** The latest time of a Date, in milliseconds since 1970. */
const LAST_MOMENT = 8.64e15;

/**
 * The largest marker, in bytes. A version may have thousands of deltas, and its marker lists each of them.
 */
export const REMOVAL_LIMIT = 16 * 1024 * 1024;

export function serializeRemoval(
  files: RemovalMarker['files'],
  times: RemovalMarker['times'] = {},
): Uint8Array {
  const marker: RemovalMarker = {
    schema: 1,
    files: ordered(files),
    ...(Object.keys(times).length === 0 ? {} : { times: ordered(times) }),
  };
  return new TextEncoder().encode(JSON.stringify(marker) + '\n');
}

function ordered<T>(entries: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A time to the second, in the format of `times`. Not every operation of a store reports finer times. */
export function secondOf(lastModified: number): string {
  // Directories can have times outside the range of a Date.
  const ms = Math.min(LAST_MOMENT, Math.max(0, Math.trunc(lastModified) || 0));
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Returns true when the marker lists the file in this state. */
export function isListed(
  { files, times }: Pick<Removal, 'files' | 'times'>,
  name: string,
  { etag, lastModified }: FileState,
): boolean {
  if (!Object.hasOwn(files, name) || files[name] !== etag) return false;
  const time = times?.[name];
  return time === undefined || time === secondOf(lastModified);
}

/**
 * Returns true when the marker withdraws this state of the file. A condemned marker withdraws every state of
 * the files that it lists.
 */
export function isWithdrawn(removal: Removal | undefined, name: string, state: FileState): boolean {
  if (removal === undefined) return false;
  return (
    (removal.condemned === true && Object.hasOwn(removal.files, name)) ||
    isListed(removal, name, state)
  );
}

/** Parses a marker strictly. A damaged marker withdraws nothing. */
export function parseRemoval(
  json: string,
): Pick<RemovalMarker, 'files' | 'times'> | { readonly problem: string } {
  const decoded = decodeText(marker, json);
  return 'document' in decoded ? decoded.document : decoded;
}

const second = parsed((time) => {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? undefined : secondOf(ms);
}, 'time');

const marker = object<RemovalMarker>({
  schema: exactly(1),
  files: recordOf(etag),
  times: optional(recordOf(second)),
});
