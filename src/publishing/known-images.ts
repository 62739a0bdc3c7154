import type { Catalog, Version } from '../catalog/document.ts';
import { possibleImages } from '../catalog/candidates.ts';
import { canonicalArchitecture } from '../images/architectures.ts';
import { parseSha256, type Sha256 } from '../images/digests.ts';
import type { ImageType } from '../images/file-kinds.ts';
import { parseProductName, type VersionRef } from '../images/layout.ts';
import { loadCatalog } from '../pipeline/documents/load-catalog.ts';
import { expandAliases } from '../simplestreams/aliases.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** A published image, with the data that the gateway's clients can request. */
export interface KnownImage {
  readonly fingerprint: Sha256;
  readonly ref: VersionRef;
  /** The name of the root or the unified file. */
  readonly file: string;
  readonly type: ImageType;
  /** The name of the architecture that clients use. */
  readonly architecture: string;
  /** Bytes of all its files. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly uploadedAt: number;
  /** The aliases of its product when this is the product's newest version; else empty. */
  readonly aliases: readonly string[];
  /** True for the only image of its version. */
  readonly alone: boolean;
}

export async function knownImages(store: ObjectStore): Promise<KnownImage[]> {
  const loaded = await loadCatalog(store);
  return loaded ? publishedImages(loaded.catalog) : [];
}

/** Returns all published images, by product and version. */
export function publishedImages(catalog: Catalog): KnownImage[] {
  return Object.entries(catalog.products).flatMap(([name, product]) => {
    const ref = parseProductName(name);
    if (ref === undefined) return [];
    const published = Object.entries(product.versions).filter(([, v]) => v.state === 'published');
    const newest = published.reduce((best, [version]) => (version > best ? version : best), '');
    const aliases = [
      ...expandAliases(catalog.settings.aliases, ref),
      ...(product.file?.values.aliases ?? []),
    ];
    return published.flatMap(([version, entry]) =>
      imagesIn(entry, { product: ref, version }, version === newest ? aliases : []),
    );
  });
}

function imagesIn(entry: Version, ref: VersionRef, aliases: readonly string[]): KnownImage[] {
  const found = new Map<Sha256, KnownImage>();
  const images = possibleImages(entry.files);
  for (const { file, metadataFile, fingerprint, type } of images) {
    if (fingerprint === undefined || found.has(fingerprint)) continue;
    const parts = [entry.files[file], metadataFile && entry.files[metadataFile]];
    const files = parts.flatMap((part) => (part ? [part] : []));
    found.set(fingerprint, {
      fingerprint,
      ref,
      file,
      type,
      aliases,
      architecture: canonicalArchitecture(ref.product.arch) ?? ref.product.arch,
      size: files.reduce((sum, { size }) => sum + size, 0),
      uploadedAt: Math.max(...files.map(({ lastModified }) => lastModified)),
      alone: new Set(images.map((image) => image.file)).size === 1,
    });
  }
  return [...found.values()];
}

/**
 * Returns the one image whose fingerprint starts with `prefix`. The fingerprint that its sender knows counts too.
 * Undefined when no image matches, or several do.
 */
export function byFingerprint<T extends { readonly fingerprint: Sha256; readonly sentAs?: Sha256 }>(
  images: readonly T[],
  prefix: string,
): T | undefined {
  if (!/^[0-9a-f]{1,64}$/.test(prefix)) return undefined;
  const exact = parseSha256(prefix);
  const found = images.filter(({ fingerprint, sentAs }) =>
    [fingerprint, sentAs].some((name) => (exact ? name === exact : name?.startsWith(prefix))),
  );
  return found.length === 1 ? found[0] : undefined;
}
