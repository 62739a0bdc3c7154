/** The four names of a product, in the order of the key and of the product's name. */
export interface ProductRef {
  readonly os: string;
  readonly release: string;
  readonly arch: string;
  readonly variant: string;
}

export interface VersionRef {
  readonly product: ProductRef;
  /** As in the key: `YYYYMMDD`, then any safe suffix such as `_12:00`. Versions order as text. */
  readonly version: string;
}

/** The meaning of a key below `images/`. */
export type ParsedKey =
  | { readonly kind: 'file'; readonly ref: VersionRef; readonly file: string }
  | { readonly kind: 'product-file'; readonly product: ProductRef }
  /** The key contains a name that starts with a dot, or it is a folder marker. It is skipped without a report. */
  | { readonly kind: 'hidden' }
  /** An ignored key: it cannot be an image. `reason` says why, for its uploader. */
  | { readonly kind: 'ignored'; readonly reason: string };

export const IMAGES_PREFIX = 'images/';
/** Values of a product that are not in its names: `images/<os>/<release>/<arch>/<variant>/product.toml`. */
const PRODUCT_FILE = 'product.toml';
/** Lists the files of a version that are withdrawn. See `catalog/removal.ts`. */
export const REMOVED_FILE = 'removed.json';
export const CHECKSUMS_FILE = 'SHA256SUMS';

const SAFE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const SAFE_VERSION = /^[A-Za-z0-9_-][A-Za-z0-9._:-]*$/;
/** The longest of a product's four names, in characters. Aliases must fit a table, and file systems limit names. */
export const MAX_PRODUCT_NAME = 128;
/** S3 allows 1024 bytes for a key. A safe key is ASCII, so one character is one byte. */
const MAX_KEY_LENGTH = 1024;

/**
 * Parses an object key of the upload layout. The key is already decoded, as S3 stores it.
 *
 * The character set has only characters that every client and server keeps unchanged. S3 reads a `+` in a URL as
 * a space. LXD sends a `%3A` in a path as `%253A`, and Incus keeps it. `?` and `#` end a path.
 */
export function parseImageKey(key: string): ParsedKey {
  if (!key.startsWith(IMAGES_PREFIX)) return ignored(`it is not below ${IMAGES_PREFIX}`);
  if (key.length > MAX_KEY_LENGTH) return ignored(`it is longer than ${MAX_KEY_LENGTH} characters`);
  if (key.endsWith('/')) return { kind: 'hidden' };
  const names = key.slice(IMAGES_PREFIX.length).split('/');
  if (names.includes('')) return ignored('it has an empty name (two slashes in a row)');
  if (names.includes('..') || names.includes('.'))
    return ignored("it has a '.' or '..' for a name");
  if (names.some((name) => name.startsWith('.'))) return { kind: 'hidden' };

  const [os, release, arch, variant, ...rest] = names;
  // The fifth name may contain a ':'. It is checked as a version below.
  for (const name of names.toSpliced(4, 1)) {
    if (!SAFE_NAME.test(name)) {
      return ignored(
        `the name ${JSON.stringify(name)} has characters other than A-Z a-z 0-9 . _ -`,
      );
    }
  }
  const long = names.slice(0, 4).find((name) => name.length > MAX_PRODUCT_NAME);
  if (long !== undefined) {
    return ignored(
      `the name ${JSON.stringify(shown(long))} is longer than ${MAX_PRODUCT_NAME} characters`,
    );
  }
  if (!os || !release || !arch || !variant || rest.length === 0) {
    return ignored(`it is too shallow: ${LAYOUT} is expected`);
  }
  const product = { os, release, arch, variant };
  const [version, file, ...deeper] = rest;
  if (version === PRODUCT_FILE && file === undefined) return { kind: 'product-file', product };
  if (version === undefined || file === undefined) {
    return ignored(`it is too shallow: ${LAYOUT} is expected`);
  }
  if (deeper.length > 0) return ignored(`it is too deep: ${LAYOUT} is expected`);
  const problem = versionProblem(version);
  if (problem !== undefined) return ignored(problem);
  return { kind: 'file', ref: { product, version }, file };
}

const LAYOUT = 'images/<os>/<release>/<arch>/<variant>/<version>/<file>';

function ignored(reason: string): ParsedKey {
  return { kind: 'ignored', reason };
}

/** Returns why `version` cannot be a version; undefined if it can. */
export function versionProblem(version: string): string | undefined {
  if (!SAFE_VERSION.test(version)) {
    return `the version ${JSON.stringify(version)} has characters other than A-Z a-z 0-9 . _ : -`;
  }
  if (startsWithDate(version)) return undefined;
  return `the version ${JSON.stringify(version)} does not start with a date (YYYYMMDD)`;
}

/**
 * Returns whether clients read a version with this name. Both skip it if its first eight characters are not a
 * date (shared/simplestreams/products.go, `ToLXD` and `ToAPI`).
 */
export function startsWithDate(version: string): boolean {
  const match = /^(\d{4})(\d{2})(\d{2})/.exec(version);
  const [year, month, day] = match ? match.slice(1).map(Number) : [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

/** Parses `os/release/arch/variant` from a user; undefined for any other text. */
export function parseProductPath(path: string): ProductRef | undefined {
  const names = path.split('/');
  const [os, release, arch, variant] = names;
  if (!os || !release || !arch || !variant || names.length !== 4) return undefined;
  const usable = (name: string) => SAFE_NAME.test(name) && name.length <= MAX_PRODUCT_NAME;
  return names.every(usable) ? { os, release, arch, variant } : undefined;
}

/** The rule for a product's names, for messages about an invalid one. */
export const PRODUCT_NAME_RULE = `each of at most ${MAX_PRODUCT_NAME} characters A-Z a-z 0-9 . _ -`;

/** Shortens a name that another person chose, for use in a message. */
export function shown(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}

/** Returns the product's name in the simplestreams files and in the catalog: `os:release:arch:variant`. */
export function productName({ os, release, arch, variant }: ProductRef): string {
  return `${os}:${release}:${arch}:${variant}`;
}

/** The inverse of `productName`; undefined for any other text. */
export function parseProductName(name: string): ProductRef | undefined {
  return name.includes('/') ? undefined : parseProductPath(name.replaceAll(':', '/'));
}

/** `os/release/arch/variant`, as people type and clients show it. */
export function productPath({ os, release, arch, variant }: ProductRef): string {
  return `${os}/${release}/${arch}/${variant}`;
}

/** `images/os/release/arch/variant/`, with the slash. */
export function productPrefix(product: ProductRef): string {
  return `${IMAGES_PREFIX}${productPath(product)}/`;
}

/** `images/os/release/arch/variant/version/`, with the slash. */
export function versionPrefix(ref: VersionRef): string {
  return `${productPrefix(ref.product)}${ref.version}/`;
}

export function fileKey(ref: VersionRef, file: string): string {
  return versionPrefix(ref) + file;
}

export function productFileKey(product: ProductRef): string {
  return productPrefix(product) + PRODUCT_FILE;
}
