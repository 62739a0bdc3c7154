import type { ETag } from '../../storage/object-store.ts';
import { isUnread, type MirrorFacts } from './advance.ts';
import type { MirrorDocument } from './document.ts';
import { isProven, type LedgerPart, type WantedFile } from './selection.ts';

/** A task for one object of a mirror. The next look checks its outcome; success is never assumed. */
export type MirrorWork =
  /**
   * Copy the master's object: over the condemned one with the ETag `over`, else to a key without an object.
   */
  | {
      readonly kind: 'copy';
      readonly key: string;
      readonly wanted: WantedFile;
      readonly over?: ETag;
    }
  /** Read the object there to identify it. */
  | {
      readonly kind: 'read';
      readonly key: string;
      readonly wanted: WantedFile;
      readonly etag: ETag;
    }
  | { readonly kind: 'remove'; readonly key: string; readonly etag: ETag };

/** Returns the next tasks, to be done when `mirror` is committed and published. */
export function mirrorWork(
  mirror: MirrorDocument,
  facts: Pick<MirrorFacts, 'wanted' | 'seen'>,
): MirrorWork[] {
  const work: MirrorWork[] = [];
  for (const [key, wanted] of facts.wanted) {
    const going = mirror.pendingDeletion[key];
    const seen = facts.seen.get(key);
    if (Object.hasOwn(mirror.files, key)) continue;
    if (going?.condemned) {
      // The same bytes may get the same ETag, and nothing would show that they are new. The old ones are
      // deleted first.
      const same = going.proven?.sha256 === wanted.sha256;
      if (same) work.push({ kind: 'remove', key, etag: going.etag });
      else work.push({ kind: 'copy', key, wanted, over: going.etag });
    } else if (seen === undefined) work.push({ kind: 'copy', key, wanted });
    else if (!seen.unsettled && isUnread(mirror, facts, key)) {
      work.push({ kind: 'read', key, wanted, etag: seen.etag });
    }
  }
  for (const [key, { etag, condemned }] of Object.entries(mirror.pendingDeletion)) {
    if (condemned && !facts.wanted.has(key)) work.push({ kind: 'remove', key, etag });
  }
  return work;
}

/** The files that a mirror does not have yet. */
export interface Missing {
  /** Each as `product version`. */
  readonly versions: ReadonlySet<string>;
  readonly files: number;
  readonly bytes: number;
}

/** Returns the wanted files that the mirror does not have or may not name yet. */
export function missingFiles(
  mirror: Pick<MirrorDocument, LedgerPart>,
  wanted: ReadonlyMap<string, WantedFile>,
): Missing {
  const versions = new Set<string>();
  let [files, bytes] = [0, 0];
  for (const [key, file] of wanted) {
    if (isProven(mirror, key, file)) continue;
    versions.add(`${file.product} ${file.version}`);
    files += 1;
    bytes += mirror.files[key]?.sha256 === file.sha256 ? 0 : file.size;
  }
  return { versions, files, bytes };
}
