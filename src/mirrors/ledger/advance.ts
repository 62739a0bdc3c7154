import type { ETag } from '../../storage/object-store.ts';
import type { Catalog } from '../../catalog/document.ts';
import { listedFiles } from '../../catalog/listed-files.ts';
import type { MirrorDocument, MirrorFilter, PendingDeletion, Proven } from './document.ts';
import { namedEntries, type LedgerPart, type MasterEntry, type WantedFile } from './selection.ts';

/** Longer than any order to delete is under way: a function's whole life, in milliseconds. */
const LATE_MS = 15 * 60 * 1000;

/** An object of the mirror as a look found it. */
export interface SeenObject {
  readonly etag: ETag;
  /** Bytes. */
  readonly size: number;
  /** Somebody is still writing it. */
  readonly unsettled?: true;
}

/** All that one step of a mirror's document depends on beside the document. */
export interface MirrorFacts {
  readonly catalog: Catalog;
  /** Everything that the catalog lists. */
  readonly listed: readonly MasterEntry[];
  readonly filter: MirrorFilter;
  /** `wantedFiles` of the two above. */
  readonly wanted: ReadonlyMap<string, WantedFile>;
  /** All of the mirror's images, looked at after the document was read. */
  readonly seen: ReadonlyMap<string, SeenObject>;
  /** What is known by now of bytes on the mirror, whatever they are. */
  readonly proofs: ReadonlyMap<string, Proven>;
  /** Whether the mirror's public files are made from the document, or a later state of it. */
  readonly isPublic: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Milliseconds from the end of a name to the end of its bytes, edges left aside. */
  readonly graceMs: number;
  /** Whether what the master has by now may be put over what the mirror has. */
  readonly mayReplace: (wanted: WantedFile) => boolean;
}

/**
 * The mirror's document as it follows from what was seen. Pure and idempotent; its revision is left as it
 * is. What is proven comes in; what changed under our hands or is wanted no longer goes out; objects that
 * go pass from named over unnamed to condemned, never back from there.
 */
export function advanceMirror(before: MirrorDocument, facts: MirrorFacts): MirrorDocument {
  const { catalog, filter, seen, wanted, now } = facts;
  const edgeMs = catalog.settings.edgeSeconds * 1000;
  const embargoed = new Map(
    Object.entries(before.embargoed).filter(([, { until }]) => until > now),
  );
  const tombstones = new Map(
    Object.entries(before.tombstones).filter(([, { until }]) => until > now),
  );
  const isThere = (key: string, { etag }: { readonly etag: ETag }) => seen.get(key)?.etag === etag;
  const isGone = (key: string, { sha256 }: Proven) => {
    if (edgeMs > 0) embargoed.set(key, { sha256, until: now + edgeMs });
  };

  const files = new Map<string, Proven>();
  const pendingDeletion = new Map<string, PendingDeletion>();
  for (const [key, entry] of Object.entries(before.files)) {
    if (isThere(key, entry)) files.set(key, entry);
    else isGone(key, entry);
  }
  for (const [key, entry] of Object.entries(before.pendingDeletion)) {
    if (isThere(key, entry)) {
      pendingDeletion.set(key, entry);
      continue;
    }
    if (entry.proven) isGone(key, entry.proven);
    if (entry.condemned) tombstones.set(key, { etag: entry.etag, until: now + LATE_MS });
  }
  for (const [key, proven] of facts.proofs) {
    if (!isThere(key, proven)) continue;
    const going = pendingDeletion.get(key);
    if (going === undefined) files.set(key, files.get(key) ?? proven);
    else if (going.proven === undefined) pendingDeletion.set(key, { ...going, proven });
  }
  for (const [key, { proven, condemned }] of pendingDeletion) {
    if (condemned || !proven || wanted.get(key)?.sha256 !== proven.sha256) continue;
    files.set(key, proven);
    pendingDeletion.delete(key);
  }

  const kept = keptKeys(facts, {
    files: Object.fromEntries(files),
    embargoed: Object.fromEntries(embargoed),
    tombstones: Object.fromEntries(tombstones),
  });
  for (const [key, proven] of files) {
    if (kept.get(key) === proven.sha256) continue;
    const other = wanted.get(key);
    if (other !== undefined && !facts.mayReplace(other)) continue;
    pendingDeletion.set(key, { etag: proven.etag, proven });
    files.delete(key);
  }
  for (const [key, file] of wanted) {
    const object = seen.get(key);
    if (object === undefined || object.unsettled || files.has(key) || pendingDeletion.has(key))
      continue;
    // Of another size it cannot be what is wanted; of the same it is read first.
    if (object.size !== file.size && facts.mayReplace(file))
      pendingDeletion.set(key, { etag: object.etag });
  }
  for (const [key, entry] of pendingDeletion) {
    // What was put among them just now may still be named.
    if (!Object.hasOwn(before.pendingDeletion, key)) continue;
    pendingDeletion.set(key, carryOn(entry, facts, wanted.has(key) ? 0 : facts.graceMs + edgeMs));
  }

  const { adopting, ...document } = before;
  const next = {
    ...document,
    store: catalog.store,
    generation: catalog.generation,
    filter,
    files: Object.fromEntries(files),
    pendingDeletion: Object.fromEntries(pendingDeletion),
    embargoed: Object.fromEntries(embargoed),
    tombstones: Object.fromEntries(tombstones),
  };
  const reading = adopting && [...wanted.keys()].some((key) => isUnread(next, facts, key));
  return reading ? { ...next, adopting } : next;
}

/** Whether the mirror has something under a wanted key of which only a read can tell what it is. */
export function isUnread(
  { files, pendingDeletion }: Pick<MirrorDocument, 'files' | 'pendingDeletion'>,
  { seen, wanted }: Pick<MirrorFacts, 'seen' | 'wanted'>,
  key: string,
): boolean {
  if (Object.hasOwn(files, key) || Object.hasOwn(pendingDeletion, key)) return false;
  const size = seen.get(key)?.size;
  return size !== undefined && size === wanted.get(key)?.size;
}

function carryOn(
  entry: PendingDeletion,
  { isPublic, now }: MirrorFacts,
  graceMs: number,
): PendingDeletion {
  if (entry.condemned) return entry;
  if (entry.unnamedAt === undefined && !isPublic) return entry;
  const unnamedAt = entry.unnamedAt ?? now;
  const condemned = isPublic && unnamedAt + graceMs <= now;
  return { ...entry, unnamedAt, ...(condemned ? { condemned } : {}) };
}

/** By key the bytes that the mirror is to have, or has and still names. */
function keptKeys(
  { listed, wanted, filter }: MirrorFacts,
  mirror: Pick<MirrorDocument, LedgerPart>,
): ReadonlyMap<string, string> {
  const kept = new Map<string, string>();
  for (const [key, { sha256 }] of wanted) kept.set(key, sha256);
  const named = namedEntries(listed, { ...mirror, filter });
  for (const { key, sha256 } of listedFiles(named)) kept.set(key, sha256);
  return kept;
}
