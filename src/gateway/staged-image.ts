import { parseSha256, type Sha256 } from '../images/digests.ts';
import type { ETag } from '../storage/object-store.ts';
import { isCreationDate } from '../archives/image-metadata.ts';

/** An image that is stored whole, and waits for the product it belongs to. Kept beside its root as JSON. */
export interface StagedImage {
  /** The folder below `uploads/`. */
  readonly id: string;
  readonly fingerprint: Sha256;
  /** What its sender knows it by, where that is another. */
  readonly sentAs?: Sha256;
  /** Bytes of all its files. */
  readonly size: number;
  /** ISO 8601. */
  readonly uploadedAt: string;
  readonly architecture: string;
  /** Seconds since 1970. */
  readonly creationDate: number;
  readonly properties: Readonly<Record<string, string>>;
  readonly aliases: readonly string[];
  /** The certificate of the client that sent it, or had it sent. */
  readonly owner: Sha256;
  /** Patterns of the products that its uploader may publish. */
  readonly allow: readonly string[];
  readonly root: {
    readonly key: string;
    /** The name it will be stored under. */
    readonly name: string;
    readonly etag: ETag;
    readonly size: number;
  };
  /** Of a split image, in base64. */
  readonly metadataFile?: string;
}

/** Reads a stored record; undefined when it is none of ours. */
export function parseStagedImage(text: string): StagedImage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isMap(value) || !isMap(value['root'])) return undefined;
  const { id, fingerprint, size, uploadedAt, architecture, creationDate, metadataFile } = value;
  const { key, name, etag, size: rootSize } = value['root'];
  const digest = isText(fingerprint) ? parseSha256(fingerprint) : undefined;
  const sentAs = isText(value['sentAs']) ? parseSha256(value['sentAs']) : undefined;
  const properties = texts(value['properties']);
  const aliases = list(value['aliases']);
  const allow = list(value['allow']);
  const owner = isText(value['owner']) ? parseSha256(value['owner']) : undefined;
  if (!owner || !isText(id) || !digest || !isCount(size) || !isTime(uploadedAt)) return undefined;
  if (!isText(architecture) || !isCreationDate(creationDate)) return undefined;
  if (!properties || !aliases || !allow) return undefined;
  if (!isText(key) || !isText(name) || !isText(etag) || !isCount(rootSize)) return undefined;
  return {
    ...{ id, fingerprint: digest, size, uploadedAt, architecture, creationDate, properties },
    ...{ aliases, owner, allow, root: { key, name, etag: etag as ETag, size: rootSize } },
    ...(sentAs && { sentAs }),
    ...(isText(metadataFile) && { metadataFile }),
  };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isTime(value: unknown): value is string {
  return isText(value) && !Number.isNaN(Date.parse(value));
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function list(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every(isText) ? value : undefined;
}

function texts(value: unknown): Record<string, string> | undefined {
  if (!isMap(value)) return undefined;
  const entries = Object.entries(value).flatMap(([name, text]) =>
    isText(text) ? [[name, text] as const] : [],
  );
  return Object.fromEntries(entries);
}
