import { parseSha256, type Sha256 } from '../images/digests.ts';
import type { ETag } from '../storage/object-store.ts';
import { isCreationDate } from '../archives/image-metadata.ts';
import { etag, sha256 } from '../catalog/field-decoders.ts';
import { decodedOrAbsent } from '../json/decode.ts';
import { count, listOf, object, parsed, text, type Decoder } from '../json/decoders.ts';
import { isObject, textsOf } from '../json/is-object.ts';
import { wrong } from '../json/problem.ts';

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

const time = parsed((text) => (Number.isNaN(Date.parse(text)) ? undefined : text), 'time');

const creationDate: Decoder<number> = (value) =>
  isCreationDate(value) ? value : wrong('a creation date', value);

const stagedImage = object<StagedImage>({
  id: text,
  fingerprint: sha256,
  size: count,
  uploadedAt: time,
  architecture: text,
  creationDate,
  // The members that are strings: what else an older gateway let through counts for nothing.
  properties: (value) => (isObject(value) ? textsOf(value) : wrong('an object', value)),
  aliases: listOf(text),
  owner: sha256,
  allow: listOf(text),
  root: object<StagedImage['root']>({ key: text, name: text, etag, size: count }),
  sentAs: (value) => (typeof value === 'string' ? parseSha256(value) : undefined),
  metadataFile: (value) => (typeof value === 'string' ? value : undefined),
});

/** Reads a stored record; undefined when it is none of ours. */
export function parseStagedImage(json: string): StagedImage | undefined {
  return decodedOrAbsent(stagedImage, json);
}
