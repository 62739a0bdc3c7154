import { candidatesOf, type Candidate } from '../../catalog/candidates.ts';
import type { Catalog, Settings, Version, VersionState } from '../../catalog/document.ts';
import { listedImages } from '../../catalog/listed-files.ts';
import type { Sha256 } from '../../images/digests.ts';
import { fileKind, UNIFIED_FILES } from '../../images/file-kinds.ts';
import {
  IMAGES_PREFIX,
  parseImageKey,
  parseProductName,
  productFileKey,
} from '../../images/layout.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { ProductMatch } from './product-pattern.ts';

/** One element of `list --json`. */
export interface ListEntry {
  /** `os:release:arch:variant`; null for a key outside of all products. */
  readonly product: string | null;
  /** Null for a key outside of all versions. */
  readonly version: string | null;
  /** Only for an ignored key, or a rejected product.toml. */
  readonly key?: string;
  readonly state: VersionState | 'refused';
  /** Why the version, or a part of it, is not published; null when everything is published. */
  readonly reason: string | null;
  /** `sha256` is null until the bytes were read. */
  readonly files: readonly {
    readonly name: string;
    readonly size: number;
    readonly sha256: Sha256 | null;
  }[];
  /**
   * By the name of the root or unified file. If each client has its own metadata, the fingerprints differ. The
   * second client's fingerprint is then under `<file>@<client>`.
   */
  readonly fingerprints: Readonly<Record<string, Sha256>>;
}

/**
 * Returns the versions of a catalog in ascending order, and every rejected product.toml. Without `all`, only
 * published versions.
 */
export function listVersions(catalog: Catalog, fits: ProductMatch, all: boolean): ListEntry[] {
  return Object.keys(catalog.products)
    .filter(fits)
    .sort()
    .flatMap((product) => {
      const { versions = {}, file } = catalog.products[product] ?? {};
      const entries = Object.entries(versions)
        .filter(([, version]) => all || version.state === 'published')
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, version]) => entryOf(product, name, version, catalog.settings));
      const refused = all ? refusedProductFile(product, file?.problem) : [];
      return [...entries, ...refused];
    });
}

function refusedProductFile(product: string, reason: string | undefined): ListEntry[] {
  const ref = parseProductName(product);
  if (ref === undefined || reason === undefined) return [];
  const nothing = { version: null, files: [], fingerprints: {} };
  return [{ ...nothing, product, key: productFileKey(ref), state: 'refused', reason }];
}

/**
 * Lists the store and returns all ignored keys. `skipped` has the entries that the store skips during the listing
 * because they are not objects; they are returned too.
 */
export async function listIgnoredKeys(
  store: ObjectStore,
  skipped: ReadonlyMap<string, string> = new Map(),
): Promise<ListEntry[]> {
  const refused = new Map<string, string>();
  // A folder that cannot be read is listed in `skipped`.
  for await (const { key } of store.list(IMAGES_PREFIX, { onDenied: () => undefined })) {
    const reason = refusal(key);
    if (reason !== undefined) refused.set(key, reason);
  }
  for (const [key, reason] of skippedImages(skipped)) refused.set(key, reason);
  const nothing = { product: null, version: null, files: [], fingerprints: {} };
  return [...refused].map(([key, reason]) => ({ ...nothing, key, state: 'refused', reason }));
}

/**
 * Returns the skipped entries below `images/`, which an uploader may have meant as images: the key and the reason.
 */
export function skippedImages(skipped: ReadonlyMap<string, string>): [string, string][] {
  return [...skipped].filter(([key]) => key.startsWith(IMAGES_PREFIX));
}

function refusal(key: string): string | undefined {
  const parsed = parseImageKey(key);
  if (parsed.kind === 'ignored') return parsed.reason;
  const unknown = parsed.kind === 'file' && fileKind(parsed.file) === undefined;
  return unknown ? "its name is none of an image's files" : undefined;
}

function entryOf(product: string, name: string, version: Version, settings: Settings): ListEntry {
  const images =
    version.state === 'published'
      ? listedImages(version, settings)
      : candidatesOf(version, settings.clients);
  const withheld = (version.withheld ?? []).map(
    ({ file, client, reason }) => `${file} for ${client}: ${reason}`,
  );
  const unused = version.state === 'published' ? unusedUnified(version, images) : [];
  const own = version.reason === undefined ? [] : [version.reason];
  const reasons = [...own, ...withheld, ...unused];
  return {
    product,
    version: name,
    state: version.state,
    reason: reasons.length > 0 ? reasons.join('; ') : null,
    files: Object.keys(version.files)
      .sort()
      .flatMap((file) => {
        const entry = version.files[file];
        return entry ? [{ name: file, size: entry.size, sha256: entry.sha256 ?? null }] : [];
      }),
    fingerprints: fingerprintsOf(images),
  };
}

/** Explains why a unified file is not listed: a split image in the same version takes precedence. */
function unusedUnified({ files }: Version, images: readonly Candidate[]): string[] {
  if (!images.some(({ metadataFile }) => metadataFile !== undefined)) return [];
  return UNIFIED_FILES.filter((name) => Object.hasOwn(files, name)).map(
    (name) =>
      `${name} is not listed: the version has metadata and a root as files of their own, which count before it`,
  );
}

function fingerprintsOf(images: readonly Candidate[]): Record<string, Sha256> {
  const fingerprints: Record<string, Sha256> = {};
  for (const { file, client, fingerprint } of images) {
    fingerprints[file] ??= fingerprint;
    if (fingerprints[file] !== fingerprint) fingerprints[`${file}@${client}`] = fingerprint;
  }
  return fingerprints;
}
