import { isMetadataFile, ROOT_KINDS } from '../images/file-kinds.ts';
import type { ItemEntry } from './documents.ts';

/** What a metadata item states of the image that it makes with a root. */
export interface StatedFingerprint {
  /** The root's. */
  readonly ftype: string;
  /** The item's field. */
  readonly field: string;
  /** sha256(metadata ‖ root), as it is written there: it may be no digest. */
  readonly text: string;
}

/** The fingerprints that an item states, in the order of ROOT_KINDS; none where it is no metadata. */
export function statedFingerprints(item: ItemEntry): StatedFingerprint[] {
  if (!isMetadataFile(item.ftype)) return [];
  const fields: Readonly<Record<string, unknown>> = { ...item };
  return ROOT_KINDS.flatMap(({ ftype, hashField: field }) => {
    const text = fields[field];
    return typeof text === 'string' ? [{ ftype, field, text }] : [];
  });
}
