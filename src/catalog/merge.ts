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

/** The files of one version as a look at the store found them. */
export interface VersionLook {
  /** Recognised files only; the marker and the checksums are told apart below. */
  readonly files: Readonly<Record<string, SeenFile>>;
  readonly checksums?: Checksums & { readonly lastModified: number };
  readonly removal?: Omit<Removal, 'unnamedAt' | 'condemned'>;
}

export interface SeenFile {
  readonly etag: ETag;
  readonly size: number;
  readonly lastModified: number;
}

/** What is known of the bytes of files, from this catalog or from what was read since. */
export interface KnownDigests {
  /** sha256 of the file with this name, in this state; undefined when its bytes were not read. */
  sha256(name: string, file: SeenFile): Sha256 | undefined;
  /** sha256(metadata ‖ root), both in these states. */
  combined(
    name: string,
    file: SeenFile,
    metadata: SeenFile,
    metadataName: MetadataFile,
  ): Sha256 | undefined;
  /** What was found wrong while reading these files. */
  verdict(files: Readonly<Record<string, SeenFile>>): Verdict | undefined;
}

/**
 * A version as the look shows it, with what was known of it before; undefined when nothing of it is left.
 * Idempotent, and independent of the order of looks but for `embargoed`. Its state is to be settled.
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
    // Until it is settled, the state it had: `settle` has to know what leaves the public files.
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
  // What is condemned stays so until its deletion is recorded, whatever happens to the marker.
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
    // Not until it is read: what is empty, refused or without its metadata never is.
    if (old.until > now) embargoed[name] = old;
  }
  if (before?.state === 'published') {
    for (const [name, old] of Object.entries(before.files)) {
      if (old.sha256 === undefined || files[name]?.etag === old.etag) continue;
      // It was embargoed itself, so never public: an edge may have the bytes from before it.
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

/** The products with one of them changed, added or (undefined) taken out. */
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

/** A product's versions with one of them replaced, added or (undefined) taken out; undefined when nothing is left. */
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

/** A product with its file as it is now; undefined when nothing is left of the product. */
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
