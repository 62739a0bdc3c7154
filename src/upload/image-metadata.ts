import { parseDocument } from 'yaml';

/** What an image tells about itself in `metadata.yaml` (LXD's and Incus's `api.ImageMetadata`). */
export interface ImageMetadata {
  /** As in the file: a kernel's name (`x86_64`) or a distribution's (`amd64`). */
  readonly architecture: string;
  /** Seconds since 1970. */
  readonly creationDate: number;
  readonly expiryDate?: number;
  readonly properties: Readonly<Record<string, string>>;
}

/** `metadata.yaml` cannot be used. `message` completes "its metadata.yaml …". */
export class MetadataError extends Error {
  override readonly name = 'MetadataError';
}

/** Aliases that expand to more than this many nodes are a bomb. */
const MAX_ALIASES = 100;
const MAX_PROPERTIES = 200;

/** Reads `metadata.yaml`. Throws MetadataError. */
export function parseImageMetadata(text: string): ImageMetadata {
  let value: unknown;
  try {
    const document = parseDocument(text, { schema: 'core', logLevel: 'silent' });
    const [first] = document.errors;
    if (first) throw first;
    value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    const [line = ''] = error instanceof Error ? error.message.split('\n') : [];
    throw new MetadataError(`cannot be parsed: ${line}`, { cause: error });
  }
  if (!isMap(value)) throw new MetadataError('is no map');
  const { architecture, creation_date: created, expiry_date: expiry, properties } = value;
  if (typeof architecture !== 'string' || architecture === '') {
    throw new MetadataError('has no architecture');
  }
  if (typeof created !== 'number' || !Number.isFinite(created) || created <= 0) {
    throw new MetadataError('has no creation_date (seconds since 1970, greater than 0)');
  }
  return {
    architecture,
    creationDate: Math.trunc(created),
    ...(typeof expiry === 'number' && expiry > 0 && { expiryDate: Math.trunc(expiry) }),
    properties: parseProperties(properties),
  };
}

function parseProperties(value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (!isMap(value)) throw new MetadataError('has properties that are no map');
  const entries = Object.entries(value);
  if (entries.length > MAX_PROPERTIES) {
    throw new MetadataError(`has more than ${MAX_PROPERTIES} properties`);
  }
  return Object.fromEntries(
    entries.map(([name, property]) => {
      if (typeof property === 'string') return [name, property];
      if (typeof property === 'number' || typeof property === 'boolean') {
        return [name, String(property)];
      }
      if (property === null) return [name, ''];
      throw new MetadataError(`has a property ${JSON.stringify(name)} that is no text`);
    }),
  );
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
