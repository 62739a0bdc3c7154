import { parseSha256, type Sha256 } from '../images/digests.ts';
import { CLIENTS, METADATA_FILES, type Client } from '../images/file-kinds.ts';
import { parseProductName } from '../images/layout.ts';
import type { ETag } from '../storage/object-store.ts';
import {
  CATALOG_SCHEMA,
  type AliasTemplate,
  type Catalog,
  type Checksums,
  type Combined,
  type FileEntry,
  type Held,
  type Product,
  type ProductFile,
  type Removal,
  type Settings,
  type Verdict,
  type Version,
  type VersionState,
  type Withheld,
} from './document.ts';
import { DocumentReader, type CatalogFault } from '../json/document-reader.ts';

export type ParsedCatalog =
  | { readonly kind: 'catalog'; readonly catalog: Catalog }
  /** Written by a newer bucketstreams: to be left alone. */
  | { readonly kind: 'newer'; readonly schema: number }
  | CatalogFault;

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

const STATES: readonly VersionState[] = [
  'published',
  'incomplete',
  'pending',
  'rejected',
  'duplicate',
  'replaced',
  'removed',
];

/** Reads a stored catalog strictly: one wrong type anywhere and it is unreadable, with the place named. */
export function parseCatalog(text: string): ParsedCatalog {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { kind: 'unreadable', problem: `it is no JSON: ${String(error)}` };
  }
  const reader = new DocumentReader();
  const root = reader.object(value, 'catalog');
  const schema = reader.count(root['schema'], 'schema');
  if (reader.fault === undefined && schema > CATALOG_SCHEMA) return { kind: 'newer', schema };
  const catalog: Catalog = {
    schema: CATALOG_SCHEMA,
    store: reader.text(root['store'], 'store'),
    generation: reader.count(root['generation'], 'generation'),
    settings: settings(reader, root['settings']),
    products: reader.record(root['products'], 'products', (entry, at, name) => {
      if (parseProductName(name) === undefined) reader.fail(at, 'is no product name');
      return product(reader, entry, at);
    }),
    refused: {
      count: reader.count(reader.object(root['refused'], 'refused')['count'], 'refused.count'),
      first: reader.array(
        reader.object(root['refused'], 'refused')['first'],
        'refused.first',
        (item, at) => {
          const entry = reader.object(item, at);
          return { key: reader.text(entry['key'], at), reason: reader.text(entry['reason'], at) };
        },
      ),
    },
    ...(root['rebuilding'] === true ? { rebuilding: true as const } : {}),
  };
  return reader.fault ?? { kind: 'catalog', catalog };
}

/**
 * The catalog's stored form: the generation near its start, the rest in the order of this value. Nobody may
 * compare catalogs by it: see `isSame`.
 */
export function serializeCatalog(catalog: Catalog): Uint8Array {
  const { schema, store, generation, ...rest } = catalog;
  return Buffer.from(JSON.stringify({ schema, store, generation, ...rest }) + '\n');
}

/** The same value with the keys of all objects in order. */
export function sorted<T extends object>(value: T): T {
  const order = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(order);
    if (typeof item !== 'object' || item === null) return item;
    const entries = Object.entries(item).filter(([, field]) => field !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return Object.fromEntries(entries.map(([name, field]) => [name, order(field)]));
  };
  return order(value) as T;
}

function settings(reader: DocumentReader, value: unknown): Settings {
  const at = 'settings';
  const entry = reader.object(value, at);
  return {
    clients: reader.array(entry['clients'], `${at}.clients`, (item, place) =>
      reader.oneOf<Client>(item, CLIENTS, place),
    ),
    aliases: reader.array(entry['aliases'], `${at}.aliases`, (item, place): AliasTemplate => {
      const alias = reader.object(item, place);
      const variant = reader.optional(alias['variant'], (name) => reader.text(name, place));
      return {
        template: reader.text(alias['template'], place),
        ...(variant === undefined ? {} : { variant }),
      };
    }),
    edgeSeconds: reader.count(entry['edgeSeconds'], `${at}.edgeSeconds`),
  };
}

function product(reader: DocumentReader, value: unknown, at: string): Product {
  const entry = reader.object(value, at);
  const file = reader.optional(entry['file'], (item) => productFile(reader, item, `${at}.file`));
  return {
    ...(file === undefined ? {} : { file }),
    versions: reader.record(entry['versions'], `${at}.versions`, (item, place) =>
      version(reader, item, place),
    ),
  };
}

function productFile(reader: DocumentReader, value: unknown, at: string): ProductFile {
  const entry = reader.object(value, at);
  const values = reader.object(entry['values'], `${at}.values`);
  const problem = reader.optional(entry['problem'], (item) => reader.text(item, at));
  const releaseTitle = reader.optional(values['releaseTitle'], (item) => reader.text(item, at));
  const supportEol = reader.optional(values['supportEol'], (item) => reader.text(item, at));
  return {
    etag: etag(reader, entry['etag'], at),
    ...(problem === undefined ? {} : { problem }),
    ...(entry['denied'] === true ? { denied: true as const } : {}),
    values: {
      aliases: reader.array(values['aliases'], at, (item, place) => reader.text(item, place)),
      ...(releaseTitle === undefined ? {} : { releaseTitle }),
      requirements: reader.record(values['requirements'], at, (item, place) =>
        reader.text(item, place),
      ),
      ...(supportEol === undefined ? {} : { supportEol }),
    },
  };
}

function version(reader: DocumentReader, value: unknown, at: string): Version {
  const entry = reader.object(value, at);
  const { checksums, held, reason, removal, verdict, withheld } = entry;
  // Most of a catalog are these and their files: no closure and no copy for what is absent.
  const read: Writable<Version> = {
    state: reader.oneOf<VersionState>(entry['state'], STATES, `${at}.state`),
    files: reader.record(entry['files'], `${at}.files`, (item, place) => file(reader, item, place)),
  };
  if (reason !== undefined) read.reason = reader.text(reason, `${at}.reason`);
  if (withheld !== undefined) read.withheld = withheldOf(reader, withheld, `${at}.withheld`);
  if (checksums !== undefined) read.checksums = checksumsOf(reader, checksums, `${at}.checksums`);
  if (removal !== undefined) read.removal = removalOf(reader, removal, `${at}.removal`);
  if (held !== undefined) read.held = heldOf(reader, held, `${at}.held`);
  if (verdict !== undefined) read.verdict = verdictOf(reader, verdict, `${at}.verdict`);
  return read;
}

function heldOf(reader: DocumentReader, value: unknown, at: string): Version['held'] {
  return reader.record(value, at, (one, where): Held => {
    const fields = reader.object(one, where);
    return {
      etag: etag(reader, fields['etag'], where),
      until: reader.count(fields['until'], where),
    };
  });
}

function withheldOf(reader: DocumentReader, value: unknown, at: string): Withheld[] {
  return reader.array(value, at, (one, where): Withheld => {
    const fields = reader.object(one, where);
    return {
      client: reader.oneOf<Client>(fields['client'], CLIENTS, where),
      file: reader.text(fields['file'], where),
      reason: reader.text(fields['reason'], where),
    };
  });
}

function verdictOf(reader: DocumentReader, value: unknown, at: string): Verdict {
  const fields = reader.object(value, at);
  return {
    etags: etags(reader, fields['etags'], at),
    reason: reader.text(fields['reason'], at),
  };
}

function checksumsOf(reader: DocumentReader, value: unknown, at: string): Checksums {
  const entry = reader.object(value, at);
  return {
    etag: etag(reader, entry['etag'], at),
    sums: reader.record(entry['sums'], at, (item, place) => sha256(reader, item, place)),
    ...(entry['denied'] === true ? { denied: true as const } : {}),
    ...defined({ problem: reader.optional(entry['problem'], (item) => reader.text(item, at)) }),
  };
}

function removalOf(reader: DocumentReader, value: unknown, at: string): Removal {
  const entry = reader.object(value, at);
  return {
    etag: etag(reader, entry['etag'], at),
    files: etags(reader, entry['files'], at),
    ...(entry['condemned'] === true ? { condemned: true as const } : {}),
    ...(entry['denied'] === true ? { denied: true as const } : {}),
    ...defined({
      times: reader.optional(entry['times'], (times) =>
        reader.record(times, at, (item, place) => reader.text(item, place)),
      ),
      unnamedAt: reader.optional(entry['unnamedAt'], (item) => reader.count(item, at)),
      problem: reader.optional(entry['problem'], (item) => reader.text(item, at)),
    }),
  };
}

function file(reader: DocumentReader, value: unknown, at: string): FileEntry {
  const entry = reader.object(value, at);
  const read: Writable<FileEntry> = {
    etag: etag(reader, entry['etag'], at),
    size: reader.count(entry['size'], at),
    lastModified: reader.count(entry['lastModified'], at),
  };
  if (entry['sha256'] !== undefined) read.sha256 = sha256(reader, entry['sha256'], at);
  if (entry['combined'] !== undefined) {
    read.combined = combinedOf(reader, entry['combined'], `${at}.combined`);
  }
  return read;
}

function combinedOf(reader: DocumentReader, value: unknown, at: string): FileEntry['combined'] {
  return reader.record(value, at, (one, place, name): Combined => {
    reader.oneOf(name, METADATA_FILES, place);
    const pair = reader.object(one, place);
    return {
      metadataEtag: etag(reader, pair['metadataEtag'], place),
      sha256: sha256(reader, pair['sha256'], place),
    };
  });
}

function etags(reader: DocumentReader, value: unknown, at: string): Record<string, ETag> {
  return reader.record(value, at, (item, place) => etag(reader, item, place));
}

function etag(reader: DocumentReader, value: unknown, at: string): ETag {
  return reader.text(value, at) as ETag;
}

function sha256(reader: DocumentReader, value: unknown, at: string): Sha256 {
  return parseSha256(reader.text(value, at)) ?? reader.fail(at, 'is no SHA-256', '' as Sha256);
}

function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
