import { parseSha256, type Sha256 } from '../images/digests.ts';
import type { ETag } from '../storage/object-store.ts';
import { isCreationDate } from '../archives/image-metadata.ts';
import { etag, sha256 } from '../catalog/field-decoders.ts';
import { decodedOrAbsent } from '../json/decode.ts';
import { count, listOf, object, parsed, text, type Decoder } from '../json/decoders.ts';
import { isObject, textsOf } from '../json/is-object.ts';
import { wrong } from '../json/problem.ts';

/** An image that is completely stored and waits for its product. Stored as JSON beside its root. */
export interface StagedImage {
  /** The name of its folder in staging. */
  readonly id: string;
  readonly fingerprint: Sha256;
  /** The fingerprint that the sender knows, if it differs. */
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
  /** The certificate of the client that sent the image, or caused another server to send it. */
  readonly owner: Sha256;
  /** Patterns of the products that the uploader may publish. */
  readonly allow: readonly string[];
  readonly root: {
    readonly key: string;
    /** The file name that the root gets in its version. */
    readonly name: string;
    readonly etag: ETag;
    readonly size: number;
  };
  /** The metadata file of a split image, in base64. */
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
  // Only the members that are strings: an older gateway also stored other values.
  properties: (value) => (isObject(value) ? textsOf(value) : wrong('an object', value)),
  aliases: listOf(text),
  owner: sha256,
  allow: listOf(text),
  root: object<StagedImage['root']>({ key: text, name: text, etag, size: count }),
  sentAs: (value) => (typeof value === 'string' ? parseSha256(value) : undefined),
  metadataFile: (value) => (typeof value === 'string' ? value : undefined),
});

/** Reads a stored record; undefined when it is not a valid one. */
export function parseStagedImage(json: string): StagedImage | undefined {
  return decodedOrAbsent(stagedImage, json);
}
