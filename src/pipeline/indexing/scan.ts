import type { Catalog, IgnoredKeys, Settings, Version } from '../../catalog/document.ts';
import { isWithdrawn, type FileState } from '../../catalog/removal.ts';
import { settle } from '../../catalog/settle.ts';
import { fileKind } from '../../images/file-kinds.ts';
import {
  CHECKSUMS_FILE,
  IMAGES_PREFIX,
  parseImageKey,
  parseProductName,
  productName,
  productPrefix,
  REMOVED_FILE,
  versionPrefix,
} from '../../images/layout.ts';
import type { ETag, ObjectInfo } from '../../storage/object-store.ts';
import { commitCatalog } from '../documents/commit-catalog.ts';
import type { PipelineContext } from '../context.ts';
import { keepPrevious } from '../documents/previous-catalog.ts';
import { measureScan } from './measure.ts';
import { exceedsGuard } from './removal-guard.ts';

export interface ScanOptions {
  /** Treat versions that are gone as removed, however many they are. */
  readonly acceptRemovals?: boolean;
  /** Take over public files that are another program's or whose catalog is lost. */
  readonly adopt?: boolean;
  /** Returns true for a version to index although it does not differ. */
  readonly alsoDirty?: (version: Version) => boolean;
  /** Called with the number of objects listed so far. */
  readonly onProgress?: (objects: number) => void;
  /** Called for every ignored key. */
  readonly onRefused?: (key: string, reason: string) => void;
}

export interface ScanReport {
  /** Prefixes of versions and products that differ from the catalog, to be indexed. */
  readonly dirty: readonly string[];
  /** The number of published versions that are gone and whose removal the guard holds. */
  readonly heldRemovals: number;
  readonly refused: number;
  /** True when this scan created the catalog. */
  readonly created: boolean;
  readonly catalog: Catalog;
}

/** The number of ignored keys that the catalog names. */
const NAMED_IGNORED = 100;

type Files = Map<string, FileState>;

interface Found {
  /** By the version's prefix. */
  readonly versions: ReadonlyMap<string, Files>;
  /** The ETags of product.toml, by the product's name. */
  readonly products: ReadonlyMap<string, ETag>;
  /** The prefixes of folders that deny access. */
  readonly denied: ReadonlySet<string>;
}

/**
 * Lists all of `images/` and returns what differs from the catalog. It reads no image. It stores the ignored
 * keys and the configuration's settings in the catalog. When the listing cannot be completed, it rejects and
 * changes nothing. Versions below a folder that denies access keep their entries in the catalog. While
 * the catalog is being rebuilt, these versions would be lost, so the listing rejects instead.
 */
export async function scanStore(
  base: PipelineContext,
  options: ScanOptions = {},
): Promise<ScanReport> {
  const context: PipelineContext = { ...base, known: {} };
  const before = await commitCatalog(context, (current) => Promise.resolve(current), {
    adopt: options.adopt,
  });
  const versions = new Map<string, Files>();
  const products = new Map<string, ETag>();
  const named: { key: string; reason: string }[] = [];
  let count = 0;
  let objects = 0;
  const denied = new Set<string>();
  const onDenied = (prefix: string) => void denied.add(prefix);
  const listing = before.catalog.rebuilding ? {} : { onDenied };
  for await (const info of context.store.list(IMAGES_PREFIX, listing)) {
    objects += 1;
    if (objects % 1000 === 0) options.onProgress?.(objects);
    const problem = record(info, versions, products);
    if (problem === undefined) continue;
    count += 1;
    options.onRefused?.(info.key, problem);
    if (named.length < NAMED_IGNORED) named.push({ key: info.key, reason: problem });
  }
  options.onProgress?.(objects);

  const ignored = { count, first: named };
  const { catalog } = await commitCatalog(context, (current) =>
    Promise.resolve(withFindings(current, ignored, context.settings, context.now())),
  );
  const { dirty, gone } = compare(
    catalog,
    { versions, products, denied },
    (entry, files) => options.alsoDirty?.(entry) === true || differs(entry, files, context.now()),
  );
  const hold = options.acceptRemovals !== true && exceedsGuard(gone.length, catalog);
  if (hold) {
    context.log('error', 'removals held back', {
      versions: gone.length,
      remedy:
        'check that the store is mounted and whole, then bucketstreams update --accept-removals',
    });
  }
  const isSettled = dirty.length + gone.length + denied.size === 0;
  if (catalog.rebuilding && !hold && isSettled) {
    // The process that began the rebuild did not end it, but the catalog now has every image.
    await commitCatalog(context, (current) => Promise.resolve(rebuilt(current)));
  }
  await keepPrevious(context, catalog);
  const report = {
    dirty: hold ? dirty : [...dirty, ...gone],
    heldRemovals: hold ? gone.length : 0,
    refused: count,
    created: before.created,
    catalog,
  };
  measureScan(context.meter, report);
  return report;
}

/** Returns the catalog without the mark that prevents its publication. */
export function rebuilt({ rebuilding: _, ...catalog }: Catalog): Catalog {
  return catalog;
}

function record(
  info: ObjectInfo,
  versions: Map<string, Files>,
  products: Map<string, ETag>,
): string | undefined {
  const parsed = parseImageKey(info.key);
  switch (parsed.kind) {
    case 'hidden':
      return undefined;
    case 'ignored':
      return parsed.reason;
    case 'product-file':
      products.set(productName(parsed.product), info.etag);
      return undefined;
    case 'file': {
      const prefix = versionPrefix(parsed.ref);
      if (fileKind(parsed.file) === undefined) {
        return 'it has a name that means nothing here, so no client is told of it';
      }
      const files = versions.get(prefix) ?? new Map<string, FileState>();
      const { etag, lastModified } = info;
      versions.set(prefix, files.set(parsed.file, { etag, lastModified }));
      return undefined;
    }
  }
}

function withFindings(
  current: Catalog,
  ignored: IgnoredKeys,
  settings: Partial<Settings> | undefined,
  now: number,
): Catalog {
  const next = { ...current.settings, ...settings };
  const same = JSON.stringify(next) === JSON.stringify({ ...next, ...current.settings });
  return {
    ...current,
    ignored,
    ...(same ? {} : { settings: next, products: settle(current.products, next, now) }),
  };
}

function compare(
  catalog: Catalog,
  { versions, products, denied }: Found,
  isDirty: (entry: Version, files: ReadonlyMap<string, FileState>) => boolean,
): { readonly dirty: string[]; readonly gone: string[] } {
  const dirty: string[] = [];
  const gone: string[] = [];
  const known = new Set<string>();
  for (const [name, product] of Object.entries(catalog.products)) {
    const ref = parseProductName(name);
    if (ref === undefined) continue;
    const { file } = product;
    if (isWithin(denied, productPrefix(ref))) continue;
    if (file?.etag !== products.get(name) || file?.denied) dirty.push(productPrefix(ref));
    for (const [version, entry] of Object.entries(product.versions)) {
      const prefix = versionPrefix({ product: ref, version });
      known.add(prefix);
      if (isWithin(denied, prefix)) continue;
      const files = versions.get(prefix);
      if (files === undefined && entry.state === 'published') gone.push(prefix);
      else if (isDirty(entry, files ?? new Map<string, FileState>())) dirty.push(prefix);
    }
  }
  for (const prefix of versions.keys()) if (!known.has(prefix)) dirty.push(prefix);
  for (const name of products.keys()) {
    const ref = parseProductName(name);
    if (ref !== undefined && !Object.hasOwn(catalog.products, name)) dirty.push(productPrefix(ref));
  }
  return { dirty, gone };
}

/**
 * Returns true when the prefix is one of the folders or is below one. The number of folders does not matter.
 */
function isWithin(folders: ReadonlySet<string>, prefix: string): boolean {
  for (let at = prefix.indexOf('/'); at !== -1; at = prefix.indexOf('/', at + 1)) {
    if (folders.has(prefix.slice(0, at + 1))) return true;
  }
  return false;
}

/**
 * Returns true when a look at the version would find a difference from the catalog, or when a step is due.
 */
function differs(entry: Version, files: ReadonlyMap<string, FileState>, now: number): boolean {
  if (entry.state === 'pending' || entry.state === 'replaced') return true;
  if (entry.checksums?.denied || entry.removal?.denied) return true;
  const embargoed = Object.values(entry.embargoed ?? {});
  if (embargoed.some(({ until }) => until <= now)) return true;
  const expected = new Map(Object.entries(entry.files).map(([name, { etag }]) => [name, etag]));
  if (entry.checksums) expected.set(CHECKSUMS_FILE, entry.checksums.etag);
  if (entry.removal) expected.set(REMOVED_FILE, entry.removal.etag);
  const present = [...files].filter(([name, file]) => !isWithdrawn(entry.removal, name, file));
  return (
    present.length !== expected.size ||
    present.some(([name, { etag }]) => expected.get(name) !== etag) ||
    (embargoed.length === 0 && expected.size === 0)
  );
}
