import { isAlias, isMap, isScalar, parseDocument, type Document } from 'yaml';

import { shown } from '../images/layout.ts';
import { isObject } from '../json/is-object.ts';

/** The description of an image in its `metadata.yaml` (LXD's and Incus's `api.ImageMetadata`). */
export interface ImageMetadata {
  /** As in the file: the kernel's name (`x86_64`) or a distribution's (`amd64`). */
  readonly architecture: string;
  /** Seconds since 1970. */
  readonly creationDate: number;
  readonly properties: Readonly<Record<string, string>>;
}

/** `metadata.yaml` cannot be used. `message` completes "its metadata.yaml …". */
export class MetadataError extends Error {
  override readonly name = 'MetadataError';
}

/** More alias nodes than this are treated as a YAML bomb. */
const MAX_ALIASES = 100;
const MAX_PROPERTIES = 200;

/** The last second of the year 9999: clients write dates with four digits. */
const LAST_SECOND = 253_402_300_799;

/** Reads `metadata.yaml`. Throws MetadataError. */
export function parseImageMetadata(text: string): ImageMetadata {
  const { document, value } = parse(text);
  if (!isObject(value)) throw new MetadataError('is no map');
  const { architecture, creation_date: created, expiry_date: expiry } = value;
  if (typeof architecture !== 'string' || architecture === '') {
    throw new MetadataError('has no architecture');
  }
  if (created === undefined || created === null) {
    throw new MetadataError('has no creation_date (seconds since 1970, greater than 0)');
  }
  checkSeconds('expiry_date', expiry ?? 0, 0);
  return {
    architecture,
    creationDate: checkSeconds('creation_date', created, 1),
    properties: parseProperties(document, document.get('properties', true)),
  };
}

/** Returns whether a value is a valid creation date, in seconds since 1970. */
export function isCreationDate(value: unknown): value is number {
  return isSecond(value, 1);
}

function parse(text: string): { readonly document: Document.Parsed; readonly value: unknown } {
  try {
    const document = parseDocument(text, { schema: 'core', logLevel: 'silent' });
    const [first] = document.errors;
    if (first) throw first;
    return { document, value: document.toJS({ maxAliasCount: MAX_ALIASES }) };
  } catch (error) {
    const [line = ''] = error instanceof Error ? error.message.split('\n') : [];
    throw new MetadataError(`cannot be parsed: ${line}`, { cause: error });
  }
}

function checkSeconds(name: string, value: unknown, min: number): number {
  if (isSecond(value, min)) return value;
  throw new MetadataError(
    `has the ${name} ${shown(JSON.stringify(value))}; a whole number of seconds since 1970 is expected, from ${min} to ${LAST_SECOND} (the year 9999)`,
  );
}

function isSecond(value: unknown, min: number): value is number {
  return (
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= LAST_SECOND
  );
}

function parseProperties(document: Document.Parsed, found: unknown): Record<string, string> {
  const properties = resolved(document, found);
  if (properties === undefined || (isScalar(properties) && properties.value === null)) return {};
  if (!isMap(properties)) throw new MetadataError('has properties that are no map');
  if (properties.items.length > MAX_PROPERTIES) {
    throw new MetadataError(`has more than ${MAX_PROPERTIES} properties`);
  }
  return Object.fromEntries(
    properties.items.map(({ key, value }) => {
      const name = textOf(resolved(document, key));
      if (name === undefined) throw new MetadataError('has a property whose name is no text');
      const text = textOf(resolved(document, value));
      if (text !== undefined) return [name, text];
      throw new MetadataError(`has a property ${JSON.stringify(shown(name))} that is no text`);
    }),
  );
}

function resolved(document: Document.Parsed, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

/** Reads a value as LXD and Incus do: `22.10` stays the written text, and a missing value is empty text. */
function textOf(node: unknown): string | undefined {
  if (node === null || node === undefined) return '';
  if (!isScalar(node)) return undefined;
  if (typeof node.value === 'string') return node.value;
  return node.value === null ? '' : node.source;
}
