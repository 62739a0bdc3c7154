import { isMetadataFile, ROOT_KINDS } from '../images/file-kinds.ts';
import { parseSha256, type Sha256 } from '../images/digests.ts';

/** A file that a public products file names. */
export interface PublicItem {
  /** `product version item`, for messages. */
  readonly place: string;
  readonly ftype: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
  /** Of a metadata item: by a root's ftype, sha256(metadata ‖ root). */
  readonly combined: ReadonlyMap<string, Sha256>;
}

/** Files of one version, and what is wrong with their descriptions. */
export interface PublicVersion {
  readonly items: readonly PublicItem[];
}

export interface Problem {
  /** The key or place that it is about. */
  readonly key: string;
  readonly problem: string;
}

/** The paths of the products files for images that an index names. Throws when it is no index. */
export function productsPaths(index: unknown): string[] {
  const entries = record(record(index)?.index);
  if (!entries) throw new Error('it has no object "index"');
  return Object.values(entries).flatMap((value) => {
    const entry = record(value);
    if (entry?.datatype !== 'image-downloads') return [];
    // Both clients fetch no products file for an empty list.
    if (!Array.isArray(entry.products) || entry.products.length === 0) return [];
    return typeof entry.path === 'string' ? [entry.path] : [];
  });
}

/** All versions of a products file; items that cannot be read are problems. */
export function publicVersions(file: unknown): { versions: PublicVersion[]; problems: Problem[] } {
  const products = record(record(file)?.products);
  if (!products) throw new Error('it has no object "products"');
  const versions: PublicVersion[] = [];
  const problems: Problem[] = [];
  for (const [product, value] of Object.entries(products)) {
    for (const [version, held] of Object.entries(record(record(value)?.versions) ?? {})) {
      const items: PublicItem[] = [];
      for (const [name, described] of Object.entries(record(record(held)?.items) ?? {})) {
        const place = `${product} ${version} ${name}`;
        const item = readItem(place, record(described) ?? {});
        if (typeof item === 'string') problems.push({ key: place, problem: item });
        else if (item !== undefined) items.push(item);
      }
      versions.push({ items });
    }
  }
  return { versions, problems };
}

function readItem(place: string, item: Record<string, unknown>): PublicItem | string | undefined {
  const { ftype, path, size } = item;
  if (typeof ftype !== 'string') return 'its ftype is not a string';
  // Such as a manifest that has no digest: no client verifies it.
  if (item.sha256 === undefined) return undefined;
  const sha256 = digest(item.sha256);
  if (sha256 === undefined) return 'its sha256 is not 64 lowercase hexadecimal characters';
  if (typeof path !== 'string' || path === '') return 'its path is not a string';
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    return 'its size is not a whole number';
  }
  const combined = new Map<string, Sha256>();
  if (isMetadataFile(ftype)) {
    for (const { ftype: root, hashField: field } of ROOT_KINDS) {
      if (item[field] === undefined) continue;
      const value = digest(item[field]);
      if (value === undefined) return `its ${field} is not 64 lowercase hexadecimal characters`;
      combined.set(root, value);
    }
  }
  return { place, ftype, path, size, sha256, combined };
}

function digest(value: unknown): Sha256 | undefined {
  return typeof value === 'string' ? parseSha256(value) : undefined;
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}
