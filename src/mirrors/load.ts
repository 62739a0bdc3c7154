import { parseMirror, serializeMirror } from './ledger/codec.ts';
import type { Catalog } from '../catalog/document.ts';
import { emptyMirror, MIRROR_KEY, type MirrorDocument } from './ledger/document.ts';
import { compareRevisions, type Revision } from '../simplestreams/generation.ts';
import { isStoreError } from '../storage/errors.ts';
import type { ETag, ObjectStore } from '../storage/object-store.ts';
import type { Stored } from '../pipeline/documents/commit-document.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { PipelineError } from '../pipeline/errors.ts';
import type { Mirror } from './mirror.ts';
import { followsCatalog, type PublicDocument } from '../pipeline/documents/public-documents.ts';
import { readPublicFile, type PublicFile } from '../pipeline/documents/public-files.ts';
import { collect } from '../pipeline/read-bytes.ts';
import { assertStoreIsThere } from '../pipeline/documents/store-presence.ts';

/** The states that a mirror's public documents show. */
export interface MirrorStreams {
  /** The documents that follow the catalog. */
  readonly files: readonly PublicFile[];
  /** The lowest revision of `files`; undefined while one of them is absent or another program's. */
  readonly least?: Revision;
  /** The highest revision of the documents that are ours. */
  readonly greatest?: Revision;
  /** True when the documents that do not follow the catalog are there, in this edition or a later one. */
  readonly hasConstants: boolean;
}

export async function readMirrorStreams(
  store: ObjectStore,
  documents: readonly PublicDocument[],
): Promise<MirrorStreams> {
  const found = await Promise.all(
    documents.map(async (document) => ({ document, file: await readPublicFile(store, document) })),
  );
  const files = found.flatMap(({ document, file }) => (followsCatalog(document) ? [file] : []));
  const ours = files.flatMap((file) => (file.kind === 'ours' ? [file.revision] : []));
  ours.sort(compareRevisions);
  const greatest = ours.at(-1);
  return {
    files,
    ...(ours.length === files.length ? { least: ours[0] } : {}),
    ...(greatest === undefined ? {} : { greatest }),
    hasConstants: found.every(
      ({ document: { edition }, file }) =>
        edition === undefined || (file.kind === 'ours' && file.revision.catalog >= edition),
    ),
  };
}

/**
 * Returns the mirror's document; undefined when there is none. Throws PipelineError `mirror_unreadable` or
 * `mirror_newer`, and the store's errors.
 */
export async function loadMirror(
  mirror: Pick<Mirror, 'name' | 'store'>,
): Promise<Stored<MirrorDocument> | undefined> {
  const stored = await readMirrorText(mirror.store);
  if (stored === undefined) return undefined;
  const parsed = parseMirror(stored.text);
  switch (parsed.kind) {
    case 'mirror':
      return { document: parsed.mirror, etag: stored.etag };
    case 'newer':
      throw new PipelineError(
        'mirror_newer',
        `${MIRROR_KEY} in ${mirror.store.url} has schema ${parsed.schema}, which this version does not support: ` +
          'upgrade bucketstreams. Nothing was changed.',
      );
    case 'unreadable':
      throw new PipelineError(
        'mirror_unreadable',
        `${MIRROR_KEY} in ${mirror.store.url} is damaged (${parsed.problem}). What the mirror publishes stays. ` +
          `Restore the last good one, or run \`bucketstreams mirror sync ${mirror.name} --adopt\` to make it anew.`,
      );
  }
}

/**
 * Returns the mirror's document, and creates it when there is none. Throws PipelineError `mirror_lost` or
 * `streams_foreign` when public files would be lost by that. With `adopt`, it is created although there are
 * public files. Nothing is published then before the mirror's objects are read.
 */
export async function loadOrCreateMirror(
  { documents }: Pick<PipelineContext, 'documents'>,
  mirror: Mirror,
  catalog: Catalog,
  adopt: boolean,
): Promise<Stored<MirrorDocument>> {
  const { name, store, filter } = mirror;
  const existing = await loadMirror(mirror).catch((error: unknown) => {
    const damaged = error instanceof PipelineError && error.code === 'mirror_unreadable';
    if (!adopt || !damaged) throw error;
    return 'damaged' as const;
  });
  if (existing !== undefined && existing !== 'damaged') return existing;

  const { files, greatest } = await readMirrorStreams(store, documents);
  const isNew = files.every((file) => file.kind === 'absent');
  if (!isNew && !adopt) {
    // Another writer may have created and published it since.
    const made = await loadMirror(mirror);
    if (made !== undefined) return made;
    throw notOurs(name, store.url, greatest !== undefined);
  }
  const document: MirrorDocument = {
    ...emptyMirror(catalog.store, catalog.generation, filter),
    revision: (greatest?.mirror ?? 0) + 1,
    ...(isNew ? {} : { adopting: true }),
  };
  const damaged = existing === 'damaged' ? await readMirrorText(store) : undefined;
  try {
    const { etag } = await store.write(MIRROR_KEY, serializeMirror(document), {
      condition: damaged === undefined ? { ifAbsent: true } : { ifMatch: damaged.etag },
      contentType: 'application/json',
    });
    return { document, etag };
  } catch (error) {
    if (!isStoreError(error, 'precondition_failed', 'conflict')) throw error;
    const rival = await loadMirror(mirror);
    if (rival === undefined) throw error;
    return rival;
  }
}

async function readMirrorText(
  store: ObjectStore,
): Promise<{ readonly text: string; readonly etag: ETag } | undefined> {
  try {
    const body = await store.read(MIRROR_KEY);
    return { text: (await collect(body)).toString('utf8'), etag: body.info.etag };
  } catch (error) {
    if (!isStoreError(error, 'not_found')) throw error;
    await assertStoreIsThere(store);
    return undefined;
  }
}

function notOurs(name: string, url: string, ours: boolean): PipelineError {
  const adopt = `\`bucketstreams mirror sync ${name} --adopt\``;
  return ours
    ? new PipelineError(
        'mirror_lost',
        `${MIRROR_KEY} is not in ${url}, while its public files are there. What is published stays. ` +
          `Restore the last good one, or run ${adopt}: it reads what is there and goes on from that.`,
      )
    : new PipelineError(
        'streams_foreign',
        `the files in streams/v1/ of ${url} were written by another program. They stay as they are. ` +
          `Run ${adopt} to make it a mirror; the images that are there already are read, not copied.`,
      );
}
