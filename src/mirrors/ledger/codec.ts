import { etag, sha256 } from '../../catalog/field-decoders.ts';
import { decode, decodeText } from '../../json/decode.ts';
import {
  anything,
  count,
  listOf,
  mark,
  object,
  oneOf,
  optional,
  recordOf,
  text,
  type Decoder,
} from '../../json/decoders.ts';
import { isObject } from '../../json/is-object.ts';
import {
  MIRROR_SCHEMA,
  type EmbargoedBytes,
  type MirrorDocument,
  type MirrorFilter,
  type PendingDeletion,
  type Proof,
  type Proven,
  type Tombstone,
} from './document.ts';

export type ParsedMirror =
  | { readonly kind: 'mirror'; readonly mirror: MirrorDocument }
  /** Written by a newer bucketstreams; it must not be changed. */
  | { readonly kind: 'newer'; readonly schema: number }
  /** `problem` is the first wrong value, with its path. */
  | { readonly kind: 'unreadable'; readonly problem: string };

const PROOFS: readonly Proof[] = ['copied', 'replica', 'read'];

/** Parses a mirror's document strictly: one value of a wrong type makes all of it unreadable. */
export function parseMirror(json: string): ParsedMirror {
  const root = decodeText(anything, json);
  if ('problem' in root) return { kind: 'unreadable', ...root };
  const found = decode(schemaOf, root.document);
  if ('problem' in found) return { kind: 'unreadable', ...found };
  const { schema } = found.document;
  if (schema > MIRROR_SCHEMA) return { kind: 'newer', schema };
  const decoded = decode(schema < MIRROR_SCHEMA ? firstMirror : mirror, root.document);
  if ('problem' in decoded) return { kind: 'unreadable', ...decoded };
  return { kind: 'mirror', mirror: decoded.document };
}

/** Returns the document's stored form. Equal documents give equal bytes. */
export function serializeMirror(mirror: MirrorDocument): Uint8Array {
  const { schema, store, generation, revision, ...rest } = mirror;
  const body = { schema, store, generation, revision, ...sorted(rest) };
  return new TextEncoder().encode(JSON.stringify(body) + '\n');
}

/** Returns the same value with the keys of all objects sorted. */
function sorted<T extends object>(value: T): T {
  const order = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(order);
    if (!isObject(item)) return item;
    const entries = Object.entries(item).filter(([, field]) => field !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return Object.fromEntries(entries.map(([name, field]) => [name, order(field)]));
  };
  return order(value) as T;
}

const mirrorFilter = object<MirrorFilter>({
  include: listOf(text),
  exclude: listOf(text),
  newest: optional(count),
});

const schemaOf = object<{ readonly schema: number }>({ schema: count });

const proven = object<Proven>({
  etag,
  size: count,
  sha256,
  source: etag,
  proof: oneOf(PROOFS),
});

const pendingDeletion = object<PendingDeletion>({
  etag,
  proven: optional(proven),
  unnamedAt: optional(count),
  condemned: mark,
});

const embargoedBytes = object<EmbargoedBytes>({ sha256, until: count });
const tombstone = object<Tombstone>({ etag, until: count });

/** `storedAs` has the stored names of fields that have other names in schema 1. */
function mirrorDecoder(
  storedAs: { readonly [Name in keyof MirrorDocument]?: string } = {},
): Decoder<MirrorDocument> {
  return object<MirrorDocument>(
    {
      schema: () => MIRROR_SCHEMA,
      store: text,
      generation: count,
      revision: count,
      filter: mirrorFilter,
      files: recordOf(proven),
      pendingDeletion: recordOf(pendingDeletion),
      embargoed: recordOf(embargoedBytes),
      tombstones: recordOf(tombstone),
      adopting: mark,
    },
    storedAs,
  );
}

const mirror = mirrorDecoder();
const firstMirror = mirrorDecoder({
  pendingDeletion: 'leaving',
  embargoed: 'held',
  tombstones: 'spent',
});
