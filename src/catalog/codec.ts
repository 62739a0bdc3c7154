import { CLIENTS, METADATA_FILES } from '../images/file-kinds.ts';
import { parseProductName } from '../images/layout.ts';
import { decode, decodeText } from '../json/decode.ts';
import {
  anything,
  count,
  listOf,
  mark,
  object,
  oneOf,
  optional,
  parsed,
  recordOf,
  text,
  type Decoder,
} from '../json/decoders.ts';
import {
  CATALOG_SCHEMA,
  type AliasTemplate,
  type Catalog,
  type Checksums,
  type Combined,
  type Embargo,
  type FileEntry,
  type IgnoredKeys,
  type Product,
  type ProductFile,
  type ProductValues,
  type Removal,
  type Settings,
  type Verdict,
  type Version,
  type VersionState,
  type Withheld,
} from './document.ts';
import { etag, sha256 } from './field-decoders.ts';

export type ParsedCatalog =
  | { readonly kind: 'catalog'; readonly catalog: Catalog }
  /** Written by a newer bucketstreams; it must not be changed. */
  | { readonly kind: 'newer'; readonly schema: number }
  /** `problem` is the first wrong value, with its path. */
  | { readonly kind: 'unreadable'; readonly problem: string };

const STATES: readonly VersionState[] = [
  'published',
  'incomplete',
  'pending',
  'rejected',
  'duplicate',
  'replaced',
  'removed',
];

/** Parses a stored catalog strictly: one value of a wrong type makes all of it unreadable. */
export function parseCatalog(json: string): ParsedCatalog {
  const root = decodeText(anything, json);
  if ('problem' in root) return { kind: 'unreadable', ...root };
  const found = decode(schemaOf, root.document);
  if ('problem' in found) return { kind: 'unreadable', ...found };
  const { schema } = found.document;
  if (schema > CATALOG_SCHEMA) return { kind: 'newer', schema };
  const decoder = schema < CATALOG_SCHEMA ? firstCatalog : catalog;
  const decoded = decode(decoder, root.document);
  if ('problem' in decoded) return { kind: 'unreadable', ...decoded };
  return { kind: 'catalog', catalog: decoded.document };
}

/**
 * Returns the stored form of a catalog. The generation is near its start; the rest keeps the order of this
 * value. Use `isSame` to compare catalogs, not this form.
 */
export function serializeCatalog(catalog: Catalog): Uint8Array {
  const { schema, store, generation, ...rest } = catalog;
  return Buffer.from(JSON.stringify({ schema, store, generation, ...rest }) + '\n');
}

const schemaOf = object<{ readonly schema: number }>({ schema: count });

const settings = object<Settings>({
  clients: listOf(oneOf(CLIENTS)),
  aliases: listOf(object<AliasTemplate>({ template: text, variant: optional(text) })),
  edgeSeconds: count,
});

const productFile = object<ProductFile>({
  etag,
  problem: optional(text),
  denied: mark,
  values: object<ProductValues>({
    aliases: listOf(text),
    releaseTitle: optional(text),
    requirements: recordOf(text),
    supportEol: optional(text),
  }),
});

const combined = recordOf(object<Combined>({ metadataEtag: etag, sha256 }), oneOf(METADATA_FILES));

const file = object<FileEntry>({
  etag,
  size: count,
  lastModified: count,
  sha256: optional(sha256),
  combined: optional(combined),
});

const withheld = object<Withheld>({ client: oneOf(CLIENTS), file: text, reason: text });

const checksums = object<Checksums>({
  etag,
  sums: recordOf(sha256),
  denied: mark,
  problem: optional(text),
});

const removal = object<Removal>({
  etag,
  files: recordOf(etag),
  condemned: mark,
  denied: mark,
  times: optional(recordOf(text)),
  unnamedAt: optional(count),
  problem: optional(text),
});

const embargo = object<Embargo>({ etag, until: count });

const verdict = object<Verdict>({ etags: recordOf(etag), reason: text });

const productName = parsed(
  (name) => (parseProductName(name) === undefined ? undefined : name),
  'product name',
);

const ignoredKeys = object<IgnoredKeys>({
  count,
  first: listOf(object<IgnoredKeys['first'][number]>({ key: text, reason: text })),
});

/** Stored names of fields that have other names in schema 1. */
interface StoredNames {
  readonly embargoed: string;
  readonly ignored: string;
}

function catalogDecoder({ embargoed, ignored }: StoredNames): Decoder<Catalog> {
  const version = object<Version>(
    {
      state: oneOf(STATES),
      files: recordOf(file),
      reason: optional(text),
      withheld: optional(listOf(withheld)),
      checksums: optional(checksums),
      removal: optional(removal),
      embargoed: optional(recordOf(embargo)),
      verdict: optional(verdict),
    },
    { embargoed },
  );
  const product = object<Product>({ file: optional(productFile), versions: recordOf(version) });
  return object<Catalog>(
    {
      schema: () => CATALOG_SCHEMA,
      store: text,
      generation: count,
      settings,
      products: recordOf(product, productName),
      ignored: ignoredKeys,
      rebuilding: mark,
    },
    { ignored },
  );
}

const catalog = catalogDecoder({ embargoed: 'embargoed', ignored: 'ignored' });
const firstCatalog = catalogDecoder({ embargoed: 'held', ignored: 'refused' });
