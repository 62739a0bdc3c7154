import type { Sha256 } from '../../images/digests.ts';
import { fileKey, parseProductName } from '../../images/layout.ts';
import { parseProductPattern } from '../../images/product-pattern.ts';
import type { ETag } from '../../storage/object-store.ts';
import type { Catalog, FileEntry } from '../../catalog/document.ts';
import type { MirrorDocument, MirrorFilter } from './document.ts';

/** What of a mirror's document decides whether a file may be named. */
export type LedgerPart = 'files' | 'held' | 'spent';

/** One image that the master lists, as far as a mirror goes by it. */
export interface MasterImage {
  readonly product: string;
  readonly version: string;
  /** The root, or the unified file. */
  readonly file: string;
  readonly metadataFile?: string;
}

/** An object of the master that a mirror is to have. */
export interface WantedFile {
  readonly product: string;
  readonly version: string;
  /** Of the master's object. */
  readonly etag: ETag;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
  /** Of the master's object: milliseconds since 1970. */
  readonly lastModified: number;
}

/** The objects that a mirror with this filter is to have, by key. `images` are all that the master lists. */
export function wantedFiles(
  catalog: Catalog,
  images: readonly MasterImage[],
  filter: MirrorFilter,
): ReadonlyMap<string, WantedFile> {
  const wanted = new Map<string, WantedFile>();
  for (const image of newestOf(selected(images, filter), filter.newest)) {
    for (const [key, { etag, size, sha256, lastModified }] of filesOf(catalog, image)) {
      if (sha256 === undefined) continue;
      const { product, version } = image;
      wanted.set(key, { product, version, etag, size, sha256, lastModified });
    }
  }
  return wanted;
}

/**
 * The images that the mirror names, a function of catalog and document alone: those all of whose files are
 * proven there. With `newest`, as many versions of a product as are proven: an older one stays named until
 * the newer one is there.
 */
export function namedImages<Image extends MasterImage>(
  catalog: Catalog,
  images: readonly Image[],
  mirror: Pick<MirrorDocument, LedgerPart | 'filter'>,
): readonly Image[] {
  const proven = selected(images, mirror.filter).filter((image) => {
    const files = filesOf(catalog, image);
    return files.length > 0 && files.every(([key, file]) => isProven(mirror, key, file));
  });
  return newestOf(proven, mirror.filter.newest);
}

/** The keys of an image's files and what the catalog says of them; none when a file is missing there. */
export function filesOf(catalog: Catalog, image: MasterImage): [string, FileEntry][] {
  const product = parseProductName(image.product);
  const version = catalog.products[image.product]?.versions[image.version];
  if (product === undefined || version === undefined) return [];
  const names = image.metadataFile === undefined ? [image.file] : [image.metadataFile, image.file];
  const files = names.flatMap((name): [string, FileEntry][] => {
    const entry = version.files[name];
    return entry ? [[fileKey({ product, version: image.version }, name), entry]] : [];
  });
  return files.length === names.length ? files : [];
}

/** Whether the mirror has these very bytes under the key, and no edge can have others. */
export function isProven(
  { files, held, spent }: Pick<MirrorDocument, LedgerPart>,
  key: string,
  wanted: Pick<FileEntry, 'sha256' | 'size'>,
): boolean {
  const entry = files[key];
  if (entry === undefined || entry.sha256 !== wanted.sha256 || entry.size !== wanted.size) {
    return false;
  }
  if (Object.hasOwn(spent, key) && spent[key]?.etag === entry.etag) return false;
  return !Object.hasOwn(held, key) || held[key]?.sha256 === entry.sha256;
}

function selected<Image extends MasterImage>(
  images: readonly Image[],
  { include, exclude }: MirrorFilter,
): readonly Image[] {
  if (include.length === 0 && exclude.length === 0) return images;
  const included = include.map((text) => parseProductPattern(text));
  const excluded = exclude.map((text) => parseProductPattern(text));
  const known = new Map<string, boolean>();
  const fits = (name: string): boolean => {
    const product = parseProductName(name);
    if (product === undefined) return false;
    const isIn = included.length === 0 || included.some((test) => test?.(product) === true);
    return isIn && !excluded.some((test) => test?.(product) === true);
  };
  return images.filter(({ product }) => {
    const fit = known.get(product) ?? fits(product);
    known.set(product, fit);
    return fit;
  });
}

function newestOf<Image extends MasterImage>(
  images: readonly Image[],
  newest: number | undefined,
): readonly Image[] {
  if (newest === undefined) return images;
  const versions = new Map<string, Set<string>>();
  for (const { product, version } of images) {
    versions.set(product, (versions.get(product) ?? new Set<string>()).add(version));
  }
  for (const [product, names] of versions) {
    versions.set(product, new Set([...names].sort().slice(-Math.max(newest, 1))));
  }
  return images.filter(({ product, version }) => versions.get(product)?.has(version));
}
