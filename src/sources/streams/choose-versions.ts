import { parseSha256, type Sha256 } from '../../images/digests.ts';
import { FILE_NAMES, fileKind } from '../../images/file-kinds.ts';
import {
  parseProductName,
  parseProductPath,
  productName,
  versionProblem,
  type ProductRef,
  type VersionRef,
} from '../../images/layout.ts';
import type {
  ItemEntry,
  ProductEntry,
  ProductsDocument,
  VersionEntry,
} from '../../simplestreams/documents.ts';

/** A version of an upstream, with the files that it has here. */
export interface UpstreamVersion {
  readonly ref: VersionRef;
  readonly entry: ProductEntry;
  /** Metadata last, so that clients never see an incomplete image. */
  readonly files: readonly UpstreamFile[];
}

export interface UpstreamFile {
  /** The file's name here. */
  readonly name: string;
  /** Relative to the upstream's URL. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
}

export interface Choice {
  readonly match: (product: ProductRef) => boolean;
  /** How many of the newest versions of each product to take. Default: all. */
  readonly newest?: number;
}

export interface Chosen {
  readonly versions: readonly UpstreamVersion[];
  /** Requested versions that cannot be copied, and why. */
  readonly skipped: readonly { readonly place: string; readonly reason: string }[];
}

/** Returns the requested versions of a products file. */
export function chooseVersions(document: ProductsDocument, { match, newest }: Choice): Chosen {
  const versions: UpstreamVersion[] = [];
  const skipped: { place: string; reason: string }[] = [];
  for (const [name, entry] of Object.entries(document.products)) {
    const product = productOf(name, entry);
    if (product === undefined || !match(product)) continue;
    const found: UpstreamVersion[] = [];
    for (const [version, { items }] of Object.entries(entry.versions)) {
      const place = `${productName(product)} ${version}`;
      const problem = versionProblem(version);
      const files = problem === undefined ? filesOf(items) : problem;
      if (typeof files === 'string') skipped.push({ place, reason: files });
      else found.push({ ref: { product, version }, entry, files });
    }
    found.sort((a, b) => (a.ref.version < b.ref.version ? 1 : -1));
    versions.push(...found.slice(0, newest));
  }
  return { versions, skipped };
}

/**
 * Returns the product's name here. An upstream name in our form is used as it is. Names in other forms
 * (`com.ubuntu.cloud:server:22.04:amd64`) have other parts, so the fields are used.
 */
function productOf(name: string, entry: ProductEntry): ProductRef | undefined {
  const named = parseProductName(name);
  if (named?.arch === entry.arch) return named;
  const { os, release, arch, variant = 'default' } = entry;
  return parseProductPath(`${os.toLowerCase()}/${release}/${arch}/${variant}`);
}

/** Returns the files of a version under their names here, or the reason why they make no image. */
function filesOf(items: VersionEntry['items']): readonly UpstreamFile[] | string {
  const files = new Map<string, UpstreamFile>();
  const paths = new Set<string>();
  for (const item of Object.values(items)) {
    const name = nameOf(item);
    // One file may be listed for both clients.
    if (name === undefined || paths.has(item.path)) continue;
    const sha256 = parseSha256(item.sha256 ?? '');
    if (sha256 === undefined) return `${item.path} has no SHA-256, so nothing could check it`;
    const twin = files.get(name);
    if (twin !== undefined && twin.sha256 !== sha256) return `it has two files for ${name}`;
    paths.add(item.path);
    files.set(name, { name, path: item.path, size: item.size, sha256 });
  }
  const kinds = new Set([...files.keys()].map((name) => fileKind(name)?.kind));
  if (!kinds.has('unified') && !(kinds.has('metadata') && kinds.has('root'))) {
    return 'it has no metadata with a root, and no unified file';
  }
  const order = ({ name }: UpstreamFile) => Number(fileKind(name)?.kind === 'metadata');
  return [...files.values()].sort((a, b) => order(a) - order(b));
}

/**
 * Returns the file's name here: its own name if that has the kind of its ftype, otherwise a name for its ftype. A
 * file that is listed for both clients keeps its own name.
 */
function nameOf({ ftype, path }: ItemEntry): string | undefined {
  const kindOf = (name: string) => {
    const kind = fileKind(name);
    return kind !== undefined && 'ftype' in kind ? kind : undefined;
  };
  const byFtype = FILE_NAMES.find((name) => kindOf(name)?.ftype === ftype);
  if (byFtype === undefined) return undefined;
  const own = path.slice(path.lastIndexOf('/') + 1);
  const [kind, wanted] = [kindOf(own), kindOf(byFtype)];
  if (kind?.kind !== wanted?.kind) return byFtype;
  return kind?.kind !== 'root' || kind.ftype === ftype ? own : byFtype;
}
