import type { ETag } from '../storage/object-store.ts';
import { DocumentReader } from './document-reader.ts';

/**
 * `removed.json` beside the files of a version: which of them are withdrawn. It is an object like any
 * other, so that events, enumerations and a rebuilt catalog all come to the same.
 */
export interface RemovalMarker {
  readonly schema: 1;
  /** File name to the ETag that is withdrawn. */
  readonly files: Readonly<Record<string, ETag>>;
}

/** Bytes of a marker: a version may have thousands of deltas, and withdrawing it lists each. */
export const REMOVAL_LIMIT = 16 * 1024 * 1024;

export function serializeRemoval(files: RemovalMarker['files']): Uint8Array {
  const ordered = Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1));
  const marker: RemovalMarker = { schema: 1, files: Object.fromEntries(ordered) };
  return new TextEncoder().encode(JSON.stringify(marker) + '\n');
}

/** Reads a marker strictly: a damaged one withdraws nothing. */
export function parseRemoval(
  text: string,
): { readonly files: RemovalMarker['files'] } | { readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { problem: `it is no JSON: ${String(error)}` };
  }
  const reader = new DocumentReader();
  const root = reader.object(value, 'removed.json');
  if (root['schema'] !== 1) reader.fail('schema', 'is not 1');
  const files = reader.record(root['files'], 'files', (etag, at) => reader.text(etag, at) as ETag);
  return reader.fault ?? { files };
}
