import { parseSha256, type Sha256 } from '../images/digests.ts';
import type { IndexDocument, ItemEntry, ProductEntry } from './documents.ts';
import { statedFingerprints } from './fingerprints.ts';
import type { Report } from './salvage-documents.ts';

/** A file that a public products file names. */
export interface PublicItem {
  /** `product version item`, for messages. */
  readonly place: string;
  readonly ftype: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: Sha256;
  /** For a metadata item: sha256(metadata ‖ root), by the root's ftype. */
  readonly combined: ReadonlyMap<string, Sha256>;
}

/** Files of one version. */
export interface PublicVersion {
  readonly items: readonly PublicItem[];
}

/** Returns the paths of the products files for images that an index names. */
export function productsPaths({ index }: IndexDocument): string[] {
  return Object.values(index)
    .filter(({ datatype, products }) => {
      // Both clients skip a products file whose list of products is empty.
      return datatype === 'image-downloads' && products.length > 0;
    })
    .map(({ path }) => path);
}

/**
 * Returns all versions of a products file. Items that clients cannot check or fetch are reported as problems.
 */
export function publicVersions(
  products: Iterable<readonly [name: string, ProductEntry]>,
  report: Report,
): PublicVersion[] {
  const found: PublicVersion[] = [];
  for (const [product, { versions }] of products) {
    for (const [version, entry] of Object.entries(versions)) {
      const items: PublicItem[] = [];
      for (const [name, described] of Object.entries(entry.items)) {
        const place = `${product} ${version} ${name}`;
        const item = readItem(place, described);
        if (typeof item === 'string') report({ key: place, problem: item });
        else if (item !== undefined) items.push(item);
      }
      found.push({ items });
    }
  }
  return found;
}

function readItem(place: string, item: ItemEntry): PublicItem | string | undefined {
  const { ftype, path, size } = item;
  // For example a manifest without a digest: no client verifies it.
  if (item.sha256 === undefined) return undefined;
  const sha256 = parseSha256(item.sha256);
  if (sha256 === undefined) return 'its sha256 is not 64 lowercase hexadecimal characters';
  if (path === '') return 'it has no path';
  if (size < 0) return 'its size is not a whole number';
  const combined = new Map<string, Sha256>();
  for (const { root, text } of statedFingerprints(item)) {
    const fingerprint = parseSha256(text);
    if (fingerprint === undefined) {
      return `its ${root.hashField} is not 64 lowercase hexadecimal characters`;
    }
    combined.set(root.ftype, fingerprint);
  }
  return { place, ftype, path, size, sha256, combined };
}
