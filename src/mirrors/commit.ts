import type { Catalog } from '../catalog/document.ts';
import { advanceMirror, type MirrorFacts, type SeenObject } from './ledger/advance.ts';
import { serializeMirror } from './ledger/codec.ts';
import { MIRROR_KEY, type MirrorDocument } from './ledger/document.ts';
import { wantedFiles } from './ledger/selection.ts';
import { isSame } from '../catalog/same.ts';
import { IMAGES_PREFIX } from '../images/layout.ts';
import { compareRevisions, type Revision } from '../simplestreams/generation.ts';
import { listedEntries, type ListedEntry } from '../simplestreams/listing.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { CatalogMemory } from '../pipeline/documents/catalog-memory.ts';
import {
  commitDocument,
  MAX_COMMIT_TRIES,
  type SwappedDocument,
} from '../pipeline/documents/commit-document.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { PipelineError } from '../pipeline/errors.ts';
import { loadMirror, loadOrCreateMirror, readMirrorStreams } from './load.ts';
import type { Mirror } from './mirror.ts';

/** A mirror's document as committed, and the data that it was made from. */
export interface MirrorRound {
  readonly document: MirrorDocument;
  readonly changed: boolean;
  readonly catalog: Catalog;
  /** Everything that the catalog lists. */
  readonly listed: readonly ListedEntry[];
  readonly facts: Pick<MirrorFacts, 'wanted' | 'seen'>;
}

export type RoundFacts = Pick<MirrorFacts, 'proofs' | 'graceMs' | 'mayReplace'>;

/**
 * Brings a mirror's document up to the master's catalog and the objects on the mirror. It reads the document,
 * then the catalog, then lists the mirror, then swaps. Throws PipelineError `master_empty` and
 * `mirror_bound`, and the errors of loading.
 */
export async function commitMirror(
  context: PipelineContext,
  mirror: Mirror,
  memory: CatalogMemory,
  known: RoundFacts,
): Promise<MirrorRound> {
  const { store } = mirror;
  let found: Omit<MirrorRound, 'document' | 'changed'> | undefined;
  const target = {
    store,
    key: MIRROR_KEY,
    load: async () =>
      (await loadMirror(mirror)) ??
      (await loadOrCreateMirror(
        context,
        mirror,
        await masterCatalog(context.store, memory),
        false,
      )),
    serialize: serializeMirror,
    lost: () => vanished(mirror),
    contended: (cause: unknown) => contended(mirror, cause),
    retries: mirrorRetries(mirror),
  };
  const { document, changed } = await commitDocument(context, target, async (current) => {
    const streams = await readMirrorStreams(store, context.documents);
    const catalog = await masterCatalog(context.store, memory);
    requireBound(mirror, current, catalog, streams.greatest);
    const listed = [...listedEntries(catalog)];
    const wanted = wantedFiles(listed, mirror.filter);
    const seen = await lookAtMirror(store);
    found = { catalog, listed, facts: { wanted, seen } };
    const next = advanceMirror(current, {
      ...known,
      catalog,
      listed,
      filter: mirror.filter,
      wanted,
      seen,
      isPublic: streams.least !== undefined && compare(streams.least, current) >= 0,
      now: context.now(),
    });
    // A document that was set back must get a revision above the one that it published before.
    const overtaken = streams.greatest !== undefined && compare(streams.greatest, current) > 0;
    if (!overtaken && isSame(current, next)) return undefined;
    return {
      ...next,
      revision: Math.max(current.revision, streams.greatest?.mirror ?? 0) + 1,
    };
  });
  if (found === undefined) throw new Error('the mirror was not looked at');
  return { document, changed, ...found };
}

/** Returns the counter of repeated tries to commit the mirror's document. */
export function mirrorRetries({ name }: Mirror): SwappedDocument<MirrorDocument>['retries'] {
  return { counter: 'MirrorCommitRetries', labels: { mirror: name } };
}

/** Returns the revision of the public files that are made from this document. */
export function revisionOf({ generation, revision }: MirrorDocument): Revision {
  return { catalog: generation, mirror: revision };
}

/** Returns the master's catalog when it can be used. Throws PipelineError `master_empty`. */
export async function masterCatalog(store: ObjectStore, memory: CatalogMemory): Promise<Catalog> {
  const loaded = await memory.load(store);
  if (loaded !== undefined && loaded.catalog.rebuilding !== true) return loaded.catalog;
  throw new PipelineError(
    'master_empty',
    loaded === undefined
      ? `the master ${store.url} has no catalog: it is empty, not mounted, or not the one that was meant. ` +
          'The mirrors stay as they are. Check the master, or run `bucketstreams update` on it.'
      : `the catalog of ${store.url} is being rebuilt. The mirrors stay as they are until ` +
          '`bucketstreams update` on the master has ended.',
  );
}

async function lookAtMirror(store: ObjectStore): Promise<ReadonlyMap<string, SeenObject>> {
  const seen = new Map<string, SeenObject>();
  for await (const { key, etag, size, unsettledFor } of store.list(IMAGES_PREFIX)) {
    seen.set(key, { etag, size, ...(unsettledFor ? { unsettled: true as const } : {}) });
  }
  return seen;
}

function requireBound(
  { name, store }: Mirror,
  current: MirrorDocument,
  catalog: Catalog,
  published: Revision | undefined,
): void {
  const adopt = `run \`bucketstreams mirror sync ${name} --adopt\` if that is meant`;
  if (current.store !== catalog.store) {
    throw new PipelineError(
      'mirror_bound',
      `the mirror ${store.url} follows the master with the id ${current.store}, and this one is ${catalog.store}. ` +
        `What the mirror publishes stays; ${adopt}.`,
    );
  }
  const reached = Math.max(current.generation, published?.catalog ?? 0);
  if (reached <= catalog.generation) return;
  throw new PipelineError(
    'mirror_bound',
    `the mirror ${store.url} has generation ${reached}, the master has only ${catalog.generation}: ` +
      `an older catalog was put back there. What the mirror publishes stays; ${adopt}.`,
  );
}

function compare(published: Revision, document: MirrorDocument): number {
  return compareRevisions(published, revisionOf(document));
}

function vanished({ name, store }: Mirror): PipelineError {
  return new PipelineError(
    'mirror_lost',
    `${MIRROR_KEY} has just gone from ${store.url}. What the mirror publishes stays. ` +
      `Restore the last good one, or run \`bucketstreams mirror sync ${name} --adopt\`.`,
  );
}

function contended({ store }: Mirror, cause: unknown): PipelineError {
  return new PipelineError(
    'mirror_contended',
    `${MIRROR_KEY} in ${store.url} could not be changed in ${MAX_COMMIT_TRIES} tries: ` +
      'other writers changed it each time, or the store keeps failing. Nothing is lost; try again.',
    { cause },
  );
}
