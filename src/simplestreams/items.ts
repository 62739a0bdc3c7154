import type { Listed, ListedFile } from '../catalog/listed-files.ts';
import { METADATA_FILE, rootKind, UNIFIED_FILE } from '../images/file-kinds.ts';
import type { ItemEntry } from './documents.ts';

type Items = Readonly<Record<string, ItemEntry>>;

/**
 * Returns the items that list these entries of one version. Each root is under its file's name. Each client
 * has one metadata item, with the fingerprints of all roots listed for it. The keys of items are free. A file
 * that is no image has its own name as ftype; clients skip an ftype that they do not use.
 */
export function itemsOf(listed: readonly Listed[]): Items {
  const items: Record<string, ItemEntry> = {};
  for (const { file, files, image } of listed) {
    const root = rootKind(file);
    if (image === undefined) items[file] = itemOf(files, file, file);
    else if (image.metadataFile === undefined) {
      const ftype = UNIFIED_FILE[image.client];
      items[ftype] = itemOf(files, file, ftype);
    } else if (root !== undefined) {
      items[file] = itemOf(files, file, root.ftype);
      // Clients read only items with their own ftype, whatever the file's name is.
      const ftype = METADATA_FILE[image.client];
      const metadata = items[ftype] ?? itemOf(files, image.metadataFile, ftype);
      items[ftype] = { ...metadata, [root.hashField]: image.fingerprint };
    }
  }
  return items;
}

function itemOf(files: readonly ListedFile[], name: string, ftype: string): ItemEntry {
  const file = files.find((one) => one.name === name);
  if (file === undefined) throw new Error(`${name} is listed without its file`);
  // The path is not encoded, not even `:`, because LXD would encode a `%3A` again.
  return { ftype, path: file.key, sha256: file.sha256, size: file.size };
}
