import { decode as parse } from '../json/decode.ts';
import { anything, type Decoder } from '../json/decoders.ts';
import { mapOf, struct } from '../json/go-decoders.ts';
import { isObject } from '../json/is-object.ts';
import type {
  IndexDocument,
  ItemEntry,
  ProductEntry,
  ProductsDocument,
  VersionEntry,
} from './documents.ts';
import {
  DOCUMENT_FIELDS,
  INDEX_FIELDS,
  indexEntry,
  item,
  PRODUCT_FIELDS,
  VERSION_FIELDS,
} from './parse-documents.ts';

/** A problem of a public document. */
export interface Problem {
  /** The part with the problem: `product version item`, a file, or empty for the document itself. */
  readonly key: string;
  readonly problem: string;
}

export type Report = (problem: Problem) => void;

/**
 * Reads as much of an index as can be read, while `parseIndex` rejects it for one wrong value. An entry with
 * a wrong value is omitted. Any other level with a wrong value gets zero values, except for the level below
 * it.
 */
export function salvageIndex(json: unknown, report: Report): IndexDocument {
  reportAbsence(json, 'index', report);
  const { fields, members } = levelOf(json, '', INDEX, report);
  return { ...fields, index: salvaged(members, '', indexEntry, report) };
}

/**
 * Reads a products file in the same way. It yields products by name and decodes each when the caller asks for
 * it. An item with a wrong value or without an ftype is omitted, and so is a version without items.
 */
export function* salvageProducts(
  json: unknown,
  report: Report,
): Generator<readonly [name: string, ProductEntry], void, undefined> {
  reportAbsence(json, 'products', report);
  const { members } = levelOf(json, '', DOCUMENT, report);
  for (const name of Object.keys(members)) {
    yield [name, salvageProduct(members[name], name, report)];
  }
}

function salvageProduct(json: unknown, key: string, report: Report): ProductEntry {
  const { fields, members } = levelOf(json, key, PRODUCT, report);
  const versions: [string, VersionEntry][] = [];
  for (const name of Object.keys(members)) {
    const place = `${key} ${name}`;
    const version = levelOf(members[name], place, VERSION, report);
    const items = salvaged(version.members, place, item, report, withoutFtype);
    // A hostile list may have millions of empty versions, which would use memory here.
    if (Object.keys(items).length > 0) versions.push([name, { ...version.fields, items }]);
  }
  return { ...fields, versions: Object.fromEntries(versions) };
}

type Members = Readonly<Record<string, unknown>>;

/** Returns the members that can be read, each whole. */
function salvaged<T>(
  members: Members,
  key: string,
  decode: Decoder<T>,
  report: Report,
  problemOf: (decoded: T) => string | undefined = () => undefined,
): Readonly<Record<string, T>> {
  const found: [string, T][] = [];
  for (const name of Object.keys(members)) {
    const parsed = parse(decode, members[name]);
    const problem = 'problem' in parsed ? parsed.problem : problemOf(parsed.document);
    if ('document' in parsed && problem === undefined) found.push([name, parsed.document]);
    else report({ key: key === '' ? name : `${key} ${name}`, problem: problem ?? '' });
  }
  return Object.fromEntries(found);
}

/** No reader can use an item without its ftype. */
function withoutFtype({ ftype }: ItemEntry): string | undefined {
  return ftype === '' ? 'it has no ftype' : undefined;
}

/** One level of a document: its own fields, and the name of the field with the level below. */
interface Level<Fields> {
  readonly fields: Decoder<Fields>;
  readonly below: string;
}

const INDEX: Level<Omit<IndexDocument, 'index'>> = { fields: struct(INDEX_FIELDS), below: 'index' };
const DOCUMENT: Level<Omit<ProductsDocument, 'products'>> = {
  fields: struct(DOCUMENT_FIELDS),
  below: 'products',
};
const PRODUCT: Level<Omit<ProductEntry, 'versions'>> = {
  fields: struct(PRODUCT_FIELDS),
  below: 'versions',
};
const VERSION: Level<Omit<VersionEntry, 'items'>> = {
  fields: struct(VERSION_FIELDS),
  below: 'items',
};

function levelOf<Fields>(
  json: unknown,
  key: string,
  { fields, below }: Level<Fields>,
  report: Report,
) {
  const members = memberIn(json, below);
  const usable = members === undefined || members === null || isObject(members);
  if (!usable) orZero(struct({ [below]: mapOf(anything) }), json, key, report);
  return {
    fields: orZero(fields, json, key, report),
    members: isObject(members) ? members : {},
  };
}

/** Returns the decoded value or, as Go does, the zero value of its type. */
function orZero<T>(decode: Decoder<T>, json: unknown, key: string, report: Report): T {
  const parsed = parse(decode, json);
  if ('document' in parsed) return parsed.document;
  report({ key, problem: parsed.problem });
  return decode(undefined);
}

/** Clients treat an absent object as empty. It is reported here, because it shows another kind of file. */
function reportAbsence(json: unknown, name: string, report: Report): void {
  const found = memberIn(json, name);
  if (found !== undefined && found !== null) return;
  if (json === null || isObject(json)) report({ key: '', problem: `it has no object "${name}"` });
}

/** Returns a member whose name may be in any case. The last one counts, as in Go. */
function memberIn(json: unknown, name: string): unknown {
  if (!isObject(json)) return undefined;
  const key = Object.keys(json).findLast((own) => own.toLowerCase() === name);
  return key === undefined ? undefined : json[key];
}
