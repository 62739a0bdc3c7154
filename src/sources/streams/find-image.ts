import { canonicalArchitecture } from '../../images/architectures.ts';
import { parseSha256, type Sha256 } from '../../images/digests.ts';
import { fileKind } from '../../images/file-kinds.ts';
import { startsWithDate } from '../../images/layout.ts';
import { INDEX_KEY } from '../../facts/delivery-policy.ts';
import type { ItemEntry, ProductEntry } from '../../simplestreams/documents.ts';
import { statedFingerprints } from '../../simplestreams/fingerprints.ts';
import { productsPaths } from '../../simplestreams/public-items.ts';
import type { PublicSource } from '../../simplestreams/public-source.ts';
import { ListError, readList } from '../../simplestreams/read-list.ts';
import { salvageIndex, salvageProducts } from '../../simplestreams/salvage-documents.ts';

/** An image on a simplestreams server. */
export interface StreamImage {
  readonly fingerprint: Sha256;
  /** The metadata file of a split image. */
  readonly metadataPath?: string;
  /** The root, or the unified file. */
  readonly rootPath: string;
  readonly properties: Readonly<Record<string, string>>;
}

export interface ImageQuery {
  /** An alias, or 12 to 64 digits of a fingerprint. */
  readonly name: string;
  /** `container`, `virtual-machine`, or empty for the first image of any type. */
  readonly imageType: string;
}

const LIST_LIMIT = 64 * 1024 * 1024;
/** Every problem takes some time, and a hostile list could have millions. */
const MAX_PROBLEMS = 10_000;

/**
 * Finds the newest image that an alias or fingerprint names, preferably for this machine's architecture. Undefined
 * when there is none. A wrong value in a list hides only its own item.
 */
export async function findStreamImage(
  source: PublicSource,
  { name, imageType }: ImageQuery,
): Promise<StreamImage | undefined> {
  const own = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const found: { readonly image: StreamImage; readonly arch: string | undefined }[] = [];
  const read = (path: string) => readList(source, path, LIST_LIMIT);
  const index = salvageIndex(await read(INDEX_KEY), counter(source, INDEX_KEY));
  for (const path of productsPaths(index)) {
    for (const [, product] of salvageProducts(await read(path), counter(source, path))) {
      const arch = canonicalArchitecture(product.arch);
      const named = aliasesOf(product, arch).includes(name);
      const images = imagesOf(product, imageType);
      const image = named ? images[0] : images.find((one) => one.fingerprint.startsWith(name));
      if (image && (named || name.length >= 12)) found.push({ image, arch });
    }
  }
  return (found.find(({ arch }) => arch === own) ?? found[0])?.image;
}

/** Counts the problems of a list. ListError when there are too many. */
function counter({ url }: PublicSource, path: string): () => void {
  let problems = 0;
  return () => {
    if (++problems <= MAX_PROBLEMS) return;
    throw new ListError('refused', `${path} of ${url} has more than ${MAX_PROBLEMS} wrong values`);
  };
}

/** Returns a product's images of a type, newest first. */
function imagesOf(product: ProductEntry, type: string): StreamImage[] {
  const versions = Object.entries(product.versions)
    .filter(([serial]) => startsWithDate(serial))
    .sort(([a], [b]) => (a < b ? 1 : -1));
  return versions.flatMap(([serial, version]) => {
    const items = Object.values(version.items);
    const properties = propertiesOf(product, serial);
    const split = splitImages(items, type).map((image) => ({ ...image, properties }));
    // Clients treat every one-file image as a container.
    const unified = type === 'virtual-machine' ? undefined : firstOf(items, 'unified');
    const fingerprint = parseSha256(unified?.sha256 ?? '');
    if (!unified || !fingerprint) return split;
    return [...split, { fingerprint, rootPath: unified.path, properties }];
  });
}

function splitImages(items: readonly ItemEntry[], type: string): Omit<StreamImage, 'properties'>[] {
  const metadata = firstOf(items, 'metadata');
  if (!metadata) return [];
  return statedFingerprints(metadata).flatMap(({ root: kind, text }) => {
    const root = items.find(({ ftype }) => ftype === kind.ftype);
    const fingerprint = parseSha256(text);
    if (!root || !fingerprint || (type !== '' && type !== kind.type)) return [];
    return [{ fingerprint, metadataPath: metadata.path, rootPath: root.path }];
  });
}

/** Returns the first item of a kind. For these kinds, the ftype is also a file name of the table. */
function firstOf(items: readonly ItemEntry[], kind: 'metadata' | 'unified'): ItemEntry | undefined {
  return items.find(({ ftype }) => fileKind(ftype)?.kind === kind);
}

function propertiesOf({ os, release, arch, variant }: ProductEntry, serial: string) {
  return { os, release, serial, architecture: arch, ...(variant !== undefined && { variant }) };
}

function aliasesOf(product: ProductEntry, arch: string | undefined): string[] {
  const aliases = product.aliases.split(',').filter(Boolean);
  const suffixes = [product.arch, arch ?? ''].filter(Boolean);
  return aliases.flatMap((alias) => [alias, ...suffixes.map((suffix) => `${alias}/${suffix}`)]);
}
