import type { Sha256 } from '../../images/digests.ts';
import { parseProductName } from '../../images/layout.ts';
import { parseProductPattern } from '../../images/product-pattern.ts';
import type { ETag } from '../../storage/object-store.ts';
import type { FileEntry } from '../../catalog/document.ts';
import type { Listed } from '../../catalog/listed-files.ts';
import type { MirrorDocument, MirrorFilter } from './document.ts';

/** The parts of a mirror's document that decide whether a file may be named. */
export type LedgerPart = 'files' | 'embargoed' | 'tombstones';

/** An image that the master lists, or a listed file that is no image. A mirror needs its files only. */
export interface MasterEntry extends Pick<Listed, 'files'> {
  readonly product: string;
  readonly version: string;
}

/** An object of the master that a mirror must have. */
export interface WantedFile {
  readonly product: string;
  readonly version: string;
  /** The ETag of the master's object. */
  readonly etag: ETag;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
  /** The time of the master's object, in milliseconds since 1970. */
  readonly lastModified: number;
}

/**
 * Returns the objects that a mirror with this filter must have, by key. `listed` is all that the master
 * lists.
 */
export function wantedFiles(
  listed: readonly MasterEntry[],
  filter: MirrorFilter,
): ReadonlyMap<string, WantedFile> {
  const wanted = new Map<string, WantedFile>();
  for (const { product, version, files } of newestOf(selected(listed, filter), filter.newest)) {
    for (const { key, etag, size, sha256, lastModified } of files) {
      wanted.set(key, { product, version, etag, size, sha256, lastModified });
    }
  }
  return wanted;
}

/**
 * Returns the entries that the mirror names: those whose files are all proven there. The result depends on
 * the catalog and the document alone. With `newest`, only proven versions count: an older version stays named
 * until the newer one is there.
 */
export function namedEntries<Entry extends MasterEntry>(
  listed: readonly Entry[],
  mirror: Pick<MirrorDocument, LedgerPart | 'filter'>,
): readonly Entry[] {
  const proven = selected(listed, mirror.filter).filter(({ files }) =>
    files.every((file) => isProven(mirror, file.key, file)),
  );
  return newestOf(proven, mirror.filter.newest);
}

/** Returns true when the mirror has exactly these bytes under the key and no edge can have others. */
export function isProven(
  { files, embargoed, tombstones }: Pick<MirrorDocument, LedgerPart>,
  key: string,
  wanted: Pick<FileEntry, 'sha256' | 'size'>,
): boolean {
  const entry = files[key];
  if (entry === undefined || entry.sha256 !== wanted.sha256 || entry.size !== wanted.size) {
    return false;
  }
  if (Object.hasOwn(tombstones, key) && tombstones[key]?.etag === entry.etag) return false;
  return !Object.hasOwn(embargoed, key) || embargoed[key]?.sha256 === entry.sha256;
}

function selected<Entry extends MasterEntry>(
  listed: readonly Entry[],
  { include, exclude }: MirrorFilter,
): readonly Entry[] {
  if (include.length === 0 && exclude.length === 0) return listed;
  const included = include.map((text) => parseProductPattern(text));
  const excluded = exclude.map((text) => parseProductPattern(text));
  const known = new Map<string, boolean>();
  const fits = (name: string): boolean => {
    const product = parseProductName(name);
    if (product === undefined) return false;
    const isIn = included.length === 0 || included.some((test) => test?.(product) === true);
    return isIn && !excluded.some((test) => test?.(product) === true);
  };
  return listed.filter(({ product }) => {
    const fit = known.get(product) ?? fits(product);
    known.set(product, fit);
    return fit;
  });
}

function newestOf<Entry extends MasterEntry>(
  listed: readonly Entry[],
  newest: number | undefined,
): readonly Entry[] {
  if (newest === undefined) return listed;
  const versions = new Map<string, Set<string>>();
  for (const { product, version } of listed) {
    versions.set(product, (versions.get(product) ?? new Set<string>()).add(version));
  }
  for (const [product, names] of versions) {
    versions.set(product, new Set([...names].sort().slice(-Math.max(newest, 1))));
  }
  return listed.filter(({ product, version }) => versions.get(product)?.has(version));
}
