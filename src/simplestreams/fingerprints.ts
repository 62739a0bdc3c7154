import { isMetadataFile, ROOT_KINDS, type RootKind } from '../images/file-kinds.ts';
import type { ItemEntry } from './documents.ts';

/** The fingerprint that a metadata item states for the image that it makes with a root. */
export interface StatedFingerprint {
  readonly root: RootKind;
  /** sha256(metadata ‖ root) as written in the document; it may not be a valid digest. */
  readonly text: string;
}

/**
 * Returns the fingerprints that an item states, in the clients' order of roots; none when it is no metadata.
 */
export function statedFingerprints(item: ItemEntry): StatedFingerprint[] {
  if (!isMetadataFile(item.ftype)) return [];
  return ROOT_KINDS.flatMap((root) => {
    const text = item[root.hashField];
    return text === undefined ? [] : [{ root, text }];
  });
}
