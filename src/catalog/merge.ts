import type { Sha256 } from '../images/digests.ts';
import { METADATA_FILES, fileKind, type MetadataFile } from '../images/file-kinds.ts';
import { CHECKSUMS_FILE } from '../images/layout.ts';
import type { ETag } from '../storage/object-store.ts';
import type {
  Catalog,
  Checksums,
  Combined,
  Embargo,
  FileEntry,
  Product,
  ProductFile,
  Removal,
  Settings,
  Verdict,
  Version,
} from './document.ts';
import { isWithdrawn } from './removal.ts';

/** The files of one version, as a look found them. */
export interface VersionLook {
  /** Recognised files only, without the marker and the checksums, which have their own fields. */
  readonly files: Readonly<Record<string, SeenFile>>;
  readonly checksums?: Checksums & { readonly lastModified: number };
  readonly removal?: Omit<Removal, 'unnamedAt' | 'condemned'>;
}

export interface SeenFile {
  readonly etag: ETag;
  readonly size: number;
  readonly lastModified: number;
}

/** The digests and problems of files that are known from this catalog or from later reads. */
export interface KnownDigests {
  /** Returns the sha256 of the file in this state; undefined when its bytes were not read. */
  sha256(name: string, file: SeenFile): Sha256 | undefined;
  /** Returns sha256(metadata ‖ root) of both files in these states. */
  combined(
    name: string,
    file: SeenFile,
    metadata: SeenFile,
    metadataName: MetadataFile,
  ): Sha256 | undefined;
  /** Returns the problem that was found while these files were read. */
  verdict(files: Readonly<Record<string, SeenFile>>): Verdict | undefined;
}

/**
 * Merges a look with the earlier entry of a version. Returns undefined when nothing of the version is left.
 * It is idempotent and, except for `embargoed`, does not depend on the order of looks. The caller must settle
 * the state.
 */
export function mergeVersion(
  before: Version | undefined,
  look: VersionLook,
  known: KnownDigests,
  settings: Settings,
  now: number,
): Version | undefined {
  const removal = mergeRemoval(before?.removal, look.removal);
  const present = Object.entries(look.files).filter(
    ([name, file]) => !isWithdrawn(removal, name, file),
  );
  const seen = Object.fromEntries(present);
  const files = Object.fromEntries(
    present.map(([name, file]) => [name, mergeFile(name, file, seen, before?.files[name], known)]),
  );
  const embargoed = mergeEmbargoed(before, files, settings, now);
  if (present.length === 0 && removal === undefined && embargoed === undefined) return undefined;
  const verdict = known.verdict(seen) ?? before?.verdict;
  const checksums = mergeChecksums(removal, look.checksums);
  return {
    // Keep the earlier state until it is settled: `settle` needs it to find the versions that leave the
    // public files.
    state: before?.state ?? 'pending',
    files,
    ...(checksums === undefined ? {} : { checksums }),
    ...(removal === undefined ? {} : { removal }),
    ...(embargoed === undefined ? {} : { embargoed }),
    ...(verdict !== undefined && stillHolds(verdict, seen) ? { verdict } : {}),
  };
}

function mergeChecksums(
  removal: Removal | undefined,
  seen: VersionLook['checksums'],
): Checksums | undefined {
  if (seen === undefined || isWithdrawn(removal, CHECKSUMS_FILE, seen)) return undefined;
  const { lastModified: _, ...checksums } = seen;
  return checksums;
}

function mergeRemoval(
  before: Removal | undefined,
  seen: VersionLook['removal'],
): Removal | undefined {
  // A condemned removal stays condemned until its deletion is recorded, whatever happens to the marker.
  if (before?.condemned) return before;
  if (seen === undefined) return undefined;
  return before !== undefined && before.etag === seen.etag
    ? { ...seen, ...(before.unnamedAt === undefined ? {} : { unnamedAt: before.unnamedAt }) }
    : seen;
}

function mergeFile(
  name: string,
  file: SeenFile,
  all: Readonly<Record<string, SeenFile>>,
  before: FileEntry | undefined,
  known: KnownDigests,
): FileEntry {
  const same = before?.etag === file.etag && before.size === file.size ? before : undefined;
  const sha256 = same?.sha256 ?? known.sha256(name, file);
  const combined =
    fileKind(name)?.kind === 'root' ? mergeCombined(name, file, all, same, known) : undefined;
  return {
    etag: file.etag,
    size: file.size,
    lastModified: file.lastModified,
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(combined === undefined ? {} : { combined }),
  };
}

function mergeCombined(
  name: string,
  file: SeenFile,
  all: Readonly<Record<string, SeenFile>>,
  same: FileEntry | undefined,
  known: KnownDigests,
): FileEntry['combined'] {
  const found: Partial<Record<MetadataFile, Combined>> = {};
  for (const metadataName of METADATA_FILES) {
    const metadata = all[metadataName];
    if (metadata === undefined) continue;
    const old = same?.combined?.[metadataName];
    const sha256 =
      old?.metadataEtag === metadata.etag
        ? old.sha256
        : known.combined(name, file, metadata, metadataName);
    if (sha256 !== undefined) found[metadataName] = { metadataEtag: metadata.etag, sha256 };
  }
  return Object.keys(found).length > 0 ? found : undefined;
}

function mergeEmbargoed(
  before: Version | undefined,
  files: Readonly<Record<string, FileEntry>>,
  settings: Settings,
  now: number,
): Version['embargoed'] {
  const embargoed: Record<string, Embargo> = {};
  for (const [name, old] of Object.entries(before?.embargoed ?? {})) {
    // The embargo ends by time, not when the new file is read: an empty or rejected file, or a root without
    // metadata, is never read.
    if (old.until > now) embargoed[name] = old;
  }
  if (before?.state === 'published') {
    for (const [name, old] of Object.entries(before.files)) {
      if (old.sha256 === undefined || files[name]?.etag === old.etag) continue;
      // This state was embargoed itself, so it was never public. An edge may have the bytes of the state
      // before it.
      const earlier = before.embargoed?.[name];
      if (earlier !== undefined && earlier.etag !== old.etag) continue;
      const read = files[name] === undefined || files[name].sha256 !== undefined;
      if (read && settings.edgeSeconds === 0) continue;
      embargoed[name] = { etag: old.etag, until: now + settings.edgeSeconds * 1000 };
    }
  }
  return Object.keys(embargoed).length > 0 ? embargoed : undefined;
}

function stillHolds(verdict: Verdict, files: Readonly<Record<string, SeenFile>>): boolean {
  return Object.entries(verdict.etags).every(([name, etag]) => files[name]?.etag === etag);
}

/** Returns the products with one of them changed, added or (undefined) removed. */
export function withProduct(
  products: Catalog['products'],
  name: string,
  change: (product: Product | undefined) => Product | undefined,
): Catalog['products'] {
  const before = products[name];
  const after = change(before);
  if (after === before) return products;
  if (after !== undefined) return { ...products, [name]: after };
  const { [name]: _, ...others } = products;
  return others;
}

/**
 * Returns a product with one version replaced, added or (undefined) removed; undefined when nothing is left.
 */
export function withVersion(
  product: Product | undefined,
  name: string,
  version: Version | undefined,
): Product | undefined {
  if (version !== undefined) {
    return { ...product, versions: { ...product?.versions, [name]: version } };
  }
  const { [name]: _, ...versions } = product?.versions ?? {};
  return keep({ ...product, versions });
}

/** Returns a product with its present file; undefined when nothing of the product is left. */
export function withProductFile(
  product: Product | undefined,
  file: ProductFile | undefined,
): Product | undefined {
  const { file: _, ...rest } = product ?? { versions: {} };
  return keep(file === undefined ? rest : { ...rest, file });
}

function keep(product: Product): Product | undefined {
  return product.file === undefined && Object.keys(product.versions).length === 0
    ? undefined
    : product;
}
