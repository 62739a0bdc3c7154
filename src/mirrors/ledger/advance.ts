import type { ETag } from '../../storage/object-store.ts';
import type { Catalog } from '../../catalog/document.ts';
import { listedFiles } from '../../catalog/listed-files.ts';
import type { MirrorDocument, MirrorFilter, PendingDeletion, Proven } from './document.ts';
import { namedEntries, type LedgerPart, type MasterEntry, type WantedFile } from './selection.ts';

/** Longer than a delete request can be under way: the longest life of a function, in milliseconds. */
const LATE_MS = 15 * 60 * 1000;

/** An object of the mirror as a look found it. */
export interface SeenObject {
  readonly etag: ETag;
  /** Bytes. */
  readonly size: number;
  /** Another program is still writing it. */
  readonly unsettled?: true;
}

/** All inputs of one step of a mirror's document, except the document itself. */
export interface MirrorFacts {
  readonly catalog: Catalog;
  /** Everything that the catalog lists. */
  readonly listed: readonly MasterEntry[];
  readonly filter: MirrorFilter;
  /** The result of `wantedFiles` for the two fields above. */
  readonly wanted: ReadonlyMap<string, WantedFile>;
  /** All of the mirror's images, listed after the document was read. */
  readonly seen: ReadonlyMap<string, SeenObject>;
  /** The proofs of bytes on the mirror so far, wanted or not. */
  readonly proofs: ReadonlyMap<string, Proven>;
  /** True when the mirror's public files are made from the document, or from a later state of it. */
  readonly isPublic: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Milliseconds between the end of a name and the deletion of its bytes, without the edge's time. */
  readonly graceMs: number;
  /** Returns true when the master's present bytes may be written over the mirror's. */
  readonly mayReplace: (wanted: WantedFile) => boolean;
}

/**
 * Returns the next state of the mirror's document. It is pure and idempotent, and does not change the
 * revision. Proven objects are added. Objects that another program changed, or that are no longer wanted, are
 * removed. An object to be deleted changes from named to unnamed to condemned. A condemned object never
 * changes back.
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
    // An object of another size cannot be the wanted one. An object of the same size is read first.
    if (object.size !== file.size && facts.mayReplace(file))
      pendingDeletion.set(key, { etag: object.etag });
  }
  for (const [key, entry] of pendingDeletion) {
    // An entry that was added just now may still be named.
    if (!Object.hasOwn(before.pendingDeletion, key)) continue;
    pendingDeletion.set(
      key,
      advanceDeletion(entry, facts, wanted.has(key) ? 0 : facts.graceMs + edgeMs),
    );
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

/** Returns true when the mirror has an object under a wanted key that only a read can identify. */
export function isUnread(
  { files, pendingDeletion }: Pick<MirrorDocument, 'files' | 'pendingDeletion'>,
  { seen, wanted }: Pick<MirrorFacts, 'seen' | 'wanted'>,
  key: string,
): boolean {
  if (Object.hasOwn(files, key) || Object.hasOwn(pendingDeletion, key)) return false;
  const size = seen.get(key)?.size;
  return size !== undefined && size === wanted.get(key)?.size;
}

function advanceDeletion(
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

/** Returns by key the sha256 of the bytes that the mirror must have, or has and still names. */
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
