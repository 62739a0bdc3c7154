import type { Candidate } from '../catalog/candidates.ts';
import type { Version } from '../catalog/document.ts';
import { fileKind, METADATA_FILE, UNIFIED_FILE } from '../images/file-kinds.ts';
import { fileKey, type VersionRef } from '../images/layout.ts';
import type { ItemEntry } from './documents.ts';

type Items = Readonly<Record<string, ItemEntry>>;

/**
 * The items of a version that list `images`, by free keys: each root under its file's name, and for each
 * client one metadata item that carries the fingerprints of all roots listed for that client.
 */
export function itemsOf(ref: VersionRef, version: Version, images: readonly Candidate[]): Items {
  const items: Record<string, ItemEntry> = {};
  for (const { client, file, metadataFile, fingerprint } of images) {
    const kind = fileKind(file);
    if (kind?.kind === 'unified') {
      const ftype = UNIFIED_FILE[client];
      items[ftype] = itemOf(ref, version, file, ftype);
    } else if (kind?.kind === 'root' && metadataFile !== undefined) {
      items[file] = itemOf(ref, version, file, kind.ftype);
      // Clients read their own ftype alone, whatever the file's name is.
      const ftype = METADATA_FILE[client];
      const metadata = items[ftype] ?? itemOf(ref, version, metadataFile, ftype);
      items[ftype] = { ...metadata, [kind.hashField]: fingerprint };
    }
  }
  return items;
}

function itemOf(ref: VersionRef, version: Version, file: string, ftype: string): ItemEntry {
  const entry = version.files[file];
  if (entry?.sha256 === undefined)
    throw new Error(`${fileKey(ref, file)} is listed but not hashed`);
  // The path stays raw, `:` and all: LXD would encode a `%3A` again.
  return { ftype, path: fileKey(ref, file), sha256: entry.sha256, size: entry.size };
}
