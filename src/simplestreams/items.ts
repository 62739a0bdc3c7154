import type { Listed, ListedFile } from '../catalog/listed-files.ts';
import { METADATA_FILE, rootKind, UNIFIED_FILE } from '../images/file-kinds.ts';
import type { ItemEntry } from './documents.ts';

type Items = Readonly<Record<string, ItemEntry>>;

/**
 * The items that list these things of one version, by free keys: each root under its file's name, and for
 * each client one metadata item with the fingerprints of all roots listed for that client. A file that is
 * no image has its own name for an ftype; clients skip an ftype that they do not use.
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
      // Clients read their own ftype alone, whatever the file's name is.
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
  // The path stays raw, `:` and all: LXD would encode a `%3A` again.
  return { ftype, path: file.key, sha256: file.sha256, size: file.size };
}
