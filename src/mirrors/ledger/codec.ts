import { parseSha256, type Sha256 } from '../../images/digests.ts';
import type { ETag } from '../../storage/object-store.ts';
import { sorted } from '../../catalog/codec.ts';
import { DocumentReader, type CatalogFault } from '../../json/document-reader.ts';
import {
  MIRROR_SCHEMA,
  type HeldBytes,
  type Leaving,
  type MirrorDocument,
  type MirrorFilter,
  type Proof,
  type Proven,
  type SpentState,
} from './document.ts';

export type ParsedMirror =
  | { readonly kind: 'mirror'; readonly mirror: MirrorDocument }
  /** Written by a newer bucketstreams: to be left alone. */
  | { readonly kind: 'newer'; readonly schema: number }
  | CatalogFault;

const PROOFS: readonly Proof[] = ['copied', 'replica', 'read'];

/** Reads a mirror's document strictly: one wrong type anywhere and it is unreadable, with the place named. */
export function parseMirror(text: string): ParsedMirror {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { kind: 'unreadable', problem: `it is no JSON: ${String(error)}` };
  }
  const reader = new DocumentReader();
  const root = reader.object(value, 'mirror');
  const schema = reader.count(root['schema'], 'schema');
  if (reader.fault === undefined && schema > MIRROR_SCHEMA) return { kind: 'newer', schema };
  const mirror: MirrorDocument = {
    schema: MIRROR_SCHEMA,
    store: reader.text(root['store'], 'store'),
    generation: reader.count(root['generation'], 'generation'),
    revision: reader.count(root['revision'], 'revision'),
    filter: readFilter(reader, root['filter'], 'filter'),
    files: reader.record(root['files'], 'files', (item, at) => proven(reader, item, at)),
    leaving: reader.record(root['leaving'], 'leaving', (item, at) => leaving(reader, item, at)),
    held: reader.record(root['held'], 'held', (item, at) => held(reader, item, at)),
    spent: reader.record(root['spent'], 'spent', (item, at) => spent(reader, item, at)),
    ...(root['adopting'] === true ? { adopting: true as const } : {}),
  };
  return reader.fault ?? { kind: 'mirror', mirror };
}

/** The document's stored form; equal documents give equal bytes. */
export function serializeMirror(mirror: MirrorDocument): Uint8Array {
  const { schema, store, generation, revision, ...rest } = mirror;
  const body = { schema, store, generation, revision, ...sorted(rest) };
  return new TextEncoder().encode(JSON.stringify(body) + '\n');
}

/** Reads a filter from JSON; what is wrong is in the reader's fault. */
export function readFilter(reader: DocumentReader, value: unknown, at: string): MirrorFilter {
  const entry = reader.object(value, at);
  const patterns = (name: string) =>
    reader.array(entry[name], `${at}.${name}`, (item, place) => reader.text(item, place));
  const newest = reader.optional(entry['newest'], (item) => reader.count(item, `${at}.newest`));
  return {
    include: patterns('include'),
    exclude: patterns('exclude'),
    ...(newest === undefined ? {} : { newest }),
  };
}

function proven(reader: DocumentReader, value: unknown, at: string): Proven {
  const entry = reader.object(value, at);
  return {
    etag: etag(reader, entry['etag'], at),
    size: reader.count(entry['size'], at),
    sha256: sha256(reader, entry['sha256'], at),
    source: etag(reader, entry['source'], at),
    proof: reader.oneOf(entry['proof'], PROOFS, `${at}.proof`),
  };
}

function leaving(reader: DocumentReader, value: unknown, at: string): Leaving {
  const entry = reader.object(value, at);
  const known = reader.optional(entry['proven'], (item) => proven(reader, item, `${at}.proven`));
  const unnamedAt = reader.optional(entry['unnamedAt'], (item) => reader.count(item, at));
  return {
    etag: etag(reader, entry['etag'], at),
    ...(known === undefined ? {} : { proven: known }),
    ...(unnamedAt === undefined ? {} : { unnamedAt }),
    ...(entry['condemned'] === true ? { condemned: true as const } : {}),
  };
}

function held(reader: DocumentReader, value: unknown, at: string): HeldBytes {
  const entry = reader.object(value, at);
  return {
    sha256: sha256(reader, entry['sha256'], at),
    until: reader.count(entry['until'], at),
  };
}

function spent(reader: DocumentReader, value: unknown, at: string): SpentState {
  const entry = reader.object(value, at);
  return { etag: etag(reader, entry['etag'], at), until: reader.count(entry['until'], at) };
}

function etag(reader: DocumentReader, value: unknown, at: string): ETag {
  return reader.text(value, at) as ETag;
}

function sha256(reader: DocumentReader, value: unknown, at: string): Sha256 {
  return parseSha256(reader.text(value, at)) ?? reader.fail(at, 'is no SHA-256', '' as Sha256);
}
