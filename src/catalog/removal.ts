import type { ETag } from '../storage/object-store.ts';
import type { Removal } from './document.ts';
import { decodeText } from '../json/decode.ts';
import { exactly, object, optional, parsed, recordOf } from '../json/decoders.ts';
import { etag } from './field-decoders.ts';

/**
 * `removed.json` beside the files of a version: which of them are withdrawn. It is an object like any
 * other, so that events, enumerations and a rebuilt catalog all come to the same.
 */
export interface RemovalMarker {
  readonly schema: 1;
  /** File name to the ETag that is withdrawn. */
  readonly files: Readonly<Record<string, ETag>>;
  /**
   * File name to the second since which the withdrawn state is there, as `2026-01-31T23:59:59Z`: most ETags in
   * S3 are of the bytes alone, and the same bytes put there later are a new upload. Without it, the ETag decides.
   */
  readonly times?: Readonly<Record<string, string>>;
}

/** What of a file a marker goes by. */
export interface FileState {
  readonly etag: ETag;
  /** Milliseconds since 1970. */
  readonly lastModified: number;
}

/** The last moment that a Date holds, in milliseconds since 1970. */
const LAST_MOMENT = 8.64e15;

/** Bytes of a marker: a version may have thousands of deltas, and withdrawing it lists each. */
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

/** The second of a time, as `times` have it: what a store tells of one object is no finer everywhere. */
export function secondOf(lastModified: number): string {
  // Directories hold times that no date does.
  const ms = Math.min(LAST_MOMENT, Math.max(0, Math.trunc(lastModified) || 0));
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Whether the marker lists the file in this state. */
export function isListed(
  { files, times }: Pick<Removal, 'files' | 'times'>,
  name: string,
  { etag, lastModified }: FileState,
): boolean {
  if (!Object.hasOwn(files, name) || files[name] !== etag) return false;
  const time = times?.[name];
  return time === undefined || time === secondOf(lastModified);
}

/** Whether the marker takes this state of the file away. While condemned, any state of it. */
export function isWithdrawn(removal: Removal | undefined, name: string, state: FileState): boolean {
  if (removal === undefined) return false;
  return (
    (removal.condemned === true && Object.hasOwn(removal.files, name)) ||
    isListed(removal, name, state)
  );
}

/** Reads a marker strictly: a damaged one withdraws nothing. */
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
