import { aliasProblem } from '../../catalog/alias-name.ts';
import type { Catalog, Version } from '../../catalog/document.ts';
import { parseProductFile } from '../../catalog/product-file.ts';
import {
  IMAGES_CACHE_CONTROL,
  IMAGES_CONTENT_TYPE,
  INDEX_KEY,
} from '../../facts/delivery-policy.ts';
import {
  productFileKey,
  productName,
  REMOVED_FILE,
  versionPrefix,
  type ProductRef,
  type VersionRef,
} from '../../images/layout.ts';
import { DEFAULT_ALIASES, expandAliases } from '../../simplestreams/aliases.ts';
import type { ProductEntry } from '../../simplestreams/documents.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ObjectInfo } from '../../storage/object-store.ts';
import { mapConcurrently } from '../../pipeline/concurrently.ts';
import type { PipelineContext } from '../../pipeline/context.ts';
import { checked, CopyMismatch } from '../../pipeline/copy-object.ts';
import { loadCatalog } from '../../pipeline/documents/load-catalog.ts';
import { productsPaths } from '../../simplestreams/public-items.ts';
import {
  chooseVersions,
  type Choice,
  type UpstreamFile,
  type UpstreamVersion,
} from './choose-versions.ts';
import type { PublicSource } from '../../simplestreams/public-source.ts';
import { readIndex, readProducts } from '../../simplestreams/read-list.ts';
import { errorText } from '../../log/error-text.ts';

export interface PullOptions extends Choice {
  readonly onProgress?: (bytes: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface PullReport {
  /** Requested versions that are now complete here. */
  readonly versions: number;
  readonly copiedFiles: number;
  readonly copiedBytes: number;
  /** How many of these versions the catalog does not have completely yet. */
  readonly unindexed: number;
  /** Requested versions that are not here, and why. */
  readonly problems: readonly { readonly place: string; readonly reason: string }[];
}

const MAX_LIST_BYTES = 256 * 1024 * 1024;
const VERSIONS_AT_ONCE = 4;

/**
 * Copies chosen versions of a public simplestreams server into the master. Each file is checked by its SHA-256
 * during the copy and stored only if it is correct, metadata last. Existing files are kept, and withdrawn versions
 * stay withdrawn. Publishes nothing: the indexer does that.
 */
export async function pull(
  context: PipelineContext,
  upstream: PublicSource,
  options: PullOptions,
): Promise<PullReport> {
  // Read first, so that a store that cannot be used fails before anything is fetched.
  const catalog = (await loadCatalog(context.store))?.catalog;
  const versions: UpstreamVersion[] = [];
  const problems: { place: string; reason: string }[] = [];
  for (const path of productsPaths(await readIndex(upstream, INDEX_KEY, MAX_LIST_BYTES))) {
    const chosen = chooseVersions(await readProducts(upstream, path, MAX_LIST_BYTES), options);
    versions.push(...chosen.versions);
    problems.push(...chosen.skipped);
  }
  const progress = { done: 0, total: versions.reduce((sum, one) => sum + bytesOf(one), 0) };
  const done = { versions: 0, files: 0, bytes: 0, unindexed: 0 };
  versions.sort((a, b) => bytesOf(a) - bytesOf(b));
  await mapConcurrently(versions, VERSIONS_AT_ONCE, async (version) => {
    if (options.signal?.aborted) return;
    const place = `${productName(version.ref.product)} ${version.ref.version}`;
    try {
      const sizes = await pullVersion(context, upstream, version, catalog, options, progress);
      done.files += sizes.length;
      done.bytes += sizes.reduce((sum, size) => sum + size, 0);
      done.versions += 1;
      if (sizes.length > 0 || knownFiles(catalog, version.ref) === undefined) done.unindexed += 1;
    } catch (error) {
      // The upstream may delete a file during the copy, so these errors affect one version only. Other store
      // errors would affect every version, so they end the copy.
      if (isStoreError(error) && !isStoreError(error, 'not_found', 'precondition_failed'))
        throw error;
      problems.push({ place, reason: errorText(error) });
    }
  });
  for (const [product, entry] of byProduct(versions)) await describe(context, product, entry);
  return {
    versions: done.versions,
    copiedFiles: done.files,
    copiedBytes: done.bytes,
    unindexed: done.unindexed,
    problems,
  };
}

/** Returns the sizes of the copied files. */
async function pullVersion(
  context: PipelineContext,
  upstream: PublicSource,
  { ref, files }: UpstreamVersion,
  catalog: Catalog | undefined,
  { onProgress, signal }: PullOptions,
  progress: { done: number; readonly total: number },
): Promise<readonly number[]> {
  const { store } = context;
  const prefix = versionPrefix(ref);
  const present = new Map<string, ObjectInfo>();
  for await (const info of store.list(prefix)) present.set(info.key.slice(prefix.length), info);
  if (present.has(REMOVED_FILE)) throw new Error('it was removed here and is not fetched again');
  const known = knownFiles(catalog, ref) ?? {};
  const copied: number[] = [];
  for (const file of files) {
    const { name, path, size, sha256 } = file;
    const here = present.get(name);
    let counted = 0;
    const report = (bytes: number) => {
      progress.done += bytes - counted;
      counted = bytes;
      onProgress?.(progress.done, progress.total);
    };
    if (here !== undefined) {
      const entry = known[name]?.etag === here.etag ? known[name] : undefined;
      await requireSame(context, here, entry?.sha256, file);
    } else {
      const body = await upstream.open(path);
      const what = `${path} of ${upstream.url}`;
      const options = {
        condition: { ifAbsent: true },
        size,
        contentType: IMAGES_CONTENT_TYPE,
        cacheControl: IMAGES_CACHE_CONTROL,
        onProgress: report,
        signal,
      } as const;
      await store
        .upload(prefix + name, checked(body, what, size, sha256), options)
        .catch((error: unknown) => {
          if (!isMismatch(error)) throw error;
          throw new Error(
            `${what} is not the ${size} bytes with the SHA-256 ${sha256} that its list tells of; ` +
              'it was not stored, and a later run tries again',
            { cause: error },
          );
        });
      copied.push(size);
    }
    report(size);
  }
  return copied;
}

/** Returns whether the bytes differ from the expected ones. A store wraps the error of a body. */
function isMismatch(error: unknown): boolean {
  if (error instanceof CopyMismatch) return true;
  return error instanceof Error && error.cause !== undefined && isMismatch(error.cause);
}

/** Returns the catalog's entries for a version's files; undefined when it has none. */
function knownFiles(
  catalog: Catalog | undefined,
  { product, version }: VersionRef,
): Version['files'] | undefined {
  return catalog?.products[productName(product)]?.versions[version]?.files;
}

/** Throws when the existing object has other bytes than the upstream's file. */
async function requireSame(
  { store, hasher }: PipelineContext,
  here: ObjectInfo,
  known: string | undefined,
  { size, sha256, name }: UpstreamFile,
): Promise<void> {
  let found: string | undefined = here.size === size ? known : 'of another size';
  if (found === undefined) {
    const body = await store.read(here.key, { ifMatch: here.etag });
    found = (await hasher.digest(body.stream, [])).sha256;
  }
  if (found === sha256) return;
  throw new Error(
    `${name} is here with other bytes, and is not overwritten; remove the version first`,
  );
}

/** Stores the upstream's description of a product as `product.toml`, unless that exists. */
async function describe(
  { store }: PipelineContext,
  product: ProductRef,
  entry: ProductEntry,
): Promise<void> {
  const byDefault = new Set(expandAliases(DEFAULT_ALIASES, product));
  const aliases = entry.aliases
    .split(',')
    .filter((alias) => !byDefault.has(alias) && aliasProblem(alias) === undefined);
  const text = [
    ...(aliases.length > 0 ? [`aliases = ${JSON.stringify(aliases)}`] : []),
    ...(entry.release_title && entry.release_title !== product.release
      ? [`release_title = ${JSON.stringify(entry.release_title)}`]
      : []),
    ...(entry.support_eol ? [`support_eol = ${JSON.stringify(entry.support_eol)}`] : []),
    ...Object.entries(entry.requirements ?? {}).flatMap(([name, value], at) => [
      ...(at === 0 ? ['[requirements]'] : []),
      `${JSON.stringify(name)} = ${JSON.stringify(value)}`,
    ]),
  ].join('\n');
  // JSON strings are valid in TOML, except rare characters. A text that we would reject is not stored.
  if (text === '' || 'problem' in parseProductFile(text)) return;
  try {
    await store.write(productFileKey(product), Buffer.from(`${text}\n`), {
      condition: { ifAbsent: true },
      contentType: 'application/toml',
    });
  } catch (error) {
    if (!isStoreError(error, 'precondition_failed', 'conflict')) throw error;
  }
}

function byProduct(versions: readonly UpstreamVersion[]): Map<ProductRef, ProductEntry> {
  const seen = new Map(versions.map((one) => [productName(one.ref.product), one] as const));
  return new Map([...seen.values()].map(({ ref, entry }) => [ref.product, entry]));
}

function bytesOf({ files }: UpstreamVersion): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
