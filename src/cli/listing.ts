import { candidatesOf, type Candidate } from '../catalog/candidates.ts';
import type { Catalog, Settings, Version, VersionState } from '../catalog/document.ts';
import type { Sha256 } from '../images/digests.ts';
import { fileKind } from '../images/file-kinds.ts';
import { IMAGES_PREFIX, parseImageKey } from '../images/layout.ts';
import { imagesOf } from '../simplestreams/listing.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { ProductMatch } from './product-pattern.ts';

/** One element of `list --json`. */
export interface ListEntry {
  /** `os:release:arch:variant`; null for a key that can be no image. */
  readonly product: string | null;
  readonly version: string | null;
  /** Of a refused key only. */
  readonly key?: string;
  readonly state: VersionState | 'refused';
  /** Why it, or a part of it, is not published; null when all of it is. */
  readonly reason: string | null;
  /** `sha256` is null until the bytes were read. */
  readonly files: readonly {
    readonly name: string;
    readonly size: number;
    readonly sha256: Sha256 | null;
  }[];
  /**
   * By the name of the root or unified file. Where the clients have metadata of their own, and so
   * fingerprints of their own, the second client's is under `<file>@<client>`.
   */
  readonly fingerprints: Readonly<Record<string, Sha256>>;
}

/** The versions of a catalog in ascending order; without `all` the published ones. */
export function listVersions(catalog: Catalog, fits: ProductMatch, all: boolean): ListEntry[] {
  return Object.keys(catalog.products)
    .filter(fits)
    .sort()
    .flatMap((product) => {
      const versions = Object.entries(catalog.products[product]?.versions ?? {});
      return versions
        .filter(([, version]) => all || version.state === 'published')
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, version]) => entryOf(product, name, version, catalog.settings));
    });
}

/** Every key below `images/` that can be no image, found by listing the store. */
export async function listRefused(store: ObjectStore): Promise<ListEntry[]> {
  const refused: ListEntry[] = [];
  for await (const { key } of store.list(IMAGES_PREFIX)) {
    const reason = refusal(key);
    if (reason === undefined) continue;
    const nothing = { product: null, version: null, files: [], fingerprints: {} };
    refused.push({ ...nothing, key, state: 'refused', reason });
  }
  return refused;
}

function refusal(key: string): string | undefined {
  const parsed = parseImageKey(key);
  if (parsed.kind === 'refused') return parsed.reason;
  const unknown = parsed.kind === 'file' && fileKind(parsed.file) === undefined;
  return unknown ? "its name is none of an image's files" : undefined;
}

function entryOf(product: string, name: string, version: Version, settings: Settings): ListEntry {
  const images =
    version.state === 'published'
      ? imagesOf(version, settings)
      : candidatesOf(version, settings.clients);
  const withheld = (version.withheld ?? []).map(
    ({ file, client, reason }) => `${file} for ${client}: ${reason}`,
  );
  const reasons = [...(version.reason === undefined ? [] : [version.reason]), ...withheld];
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

function fingerprintsOf(images: readonly Candidate[]): Record<string, Sha256> {
  const fingerprints: Record<string, Sha256> = {};
  for (const { file, client, fingerprint } of images) {
    fingerprints[file] ??= fingerprint;
    if (fingerprints[file] !== fingerprint) fingerprints[`${file}@${client}`] = fingerprint;
  }
  return fingerprints;
}
