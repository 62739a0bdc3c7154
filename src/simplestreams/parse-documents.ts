import { forHashFields } from '../images/file-kinds.ts';
import type { Decoder } from '../json/decoders.ts';
import { decode, type Decoded } from '../json/decode.ts';
import { flag, integer, listOf, mapOf, optional, struct, text } from '../json/go-decoders.ts';
import { isObject } from '../json/is-object.ts';
import type {
  IndexDocument,
  IndexEntry,
  ItemEntry,
  ProductEntry,
  ProductsDocument,
  VersionEntry,
} from './documents.ts';
import type { Revision } from './generation.ts';

/** A document, or the reason why no client could read it, with the path of the wrong value. */
export type Parsed<T> = Decoded<T>;

/** Reads a parsed `index.json`, from any server, as strictly as the clients do. */
export function parseIndex(json: unknown): Parsed<IndexDocument> {
  return decode(indexDocument, json);
}

/** Reads a parsed products file (`images.json`), from any server, as strictly as the clients do. */
export function parseProducts(json: unknown): Parsed<ProductsDocument> {
  return decode(productsDocument, json);
}

/** No client reads it. A value in another form belongs to another program and is no error. */
const generation: Decoder<Revision | undefined> = (value) => {
  if (!isObject(value)) return undefined;
  const { catalog, mirror } = value;
  if (!Number.isSafeInteger(catalog) || !Number.isSafeInteger(mirror)) return undefined;
  return { catalog: Number(catalog), mirror: Number(mirror) };
};

/** A whole entry of an index. */
export const indexEntry = struct<IndexEntry>({
  datatype: text,
  format: optional(text),
  path: text,
  products: listOf(text),
});

/** A whole item of a version. */
export const item = struct<ItemEntry>({
  ftype: text,
  path: text,
  size: integer,
  sha256: optional(text),
  md5: optional(text),
  delta_base: optional(text),
  combined_sha256: optional(text),
  combined_type: optional(text),
  ...forHashFields(optional(text)),
});

// The fields of each level, without the level below it, which a reader may decode by itself.

export const INDEX_FIELDS = { generation, format: text };

export const DOCUMENT_FIELDS = { generation, content_id: text, datatype: text, format: text };

export const PRODUCT_FIELDS = {
  aliases: text,
  arch: text,
  os: text,
  release: text,
  release_codename: optional(text),
  release_title: text,
  requirements: optional(mapOf(text)),
  lxd_requirements: optional(mapOf(text)),
  support_eol: optional(text),
  supported: optional(flag),
  variant: optional(text),
  version: optional(text),
};

export const VERSION_FIELDS = { label: optional(text), pubname: optional(text) };

const indexDocument = struct<IndexDocument>({ ...INDEX_FIELDS, index: mapOf(indexEntry) });
const version = struct<VersionEntry>({ ...VERSION_FIELDS, items: mapOf(item) });
const product = struct<ProductEntry>({ ...PRODUCT_FIELDS, versions: mapOf(version) });
const productsDocument = struct<ProductsDocument>({
  ...DOCUMENT_FIELDS,
  products: mapOf(product),
});
