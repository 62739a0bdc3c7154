import { missingFiles } from './ledger/work.ts';
import { wantedFiles } from './ledger/selection.ts';
import { listedEntries } from '../simplestreams/listing.ts';
import { compareRevisions, type Revision } from '../simplestreams/generation.ts';
import { CatalogMemory } from '../pipeline/documents/catalog-memory.ts';
import { masterCatalog, revisionOf } from './commit.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { isPipelineError } from '../pipeline/errors.ts';
import { readMirrorRecord } from './keep.ts';
import { loadMirror, readMirrorStreams } from './load.ts';
import type { Mirror } from './mirror.ts';
import { isStoreError } from '../storage/errors.ts';

/** The state of a mirror, from its document and its public files. Its images are not listed. */
export interface MirrorStatus {
  readonly name: string;
  readonly store: string;
  /**
   * The generation of the master's catalog that is public there, with the mirror's own revision; null when
   * nothing is public.
   */
  readonly public: { readonly generation: number; readonly revision: number } | null;
  /** How many generations the public files are behind the master's catalog; null when unknown. */
  readonly behind: number | null;
  /** Null when unknown, and so are the next two fields. */
  readonly missingVersions: number | null;
  /** Bytes that are still to be copied. */
  readonly missingBytes: number | null;
  /** The number of objects that will be deleted when their time is reached. */
  readonly leaving: number | null;
  readonly problems: readonly string[];
  /** The last error of a run; null when there was none or it is not known. Times are in ISO 8601. */
  readonly lastError: {
    readonly key: string | null;
    readonly message: string;
    readonly since: string;
    /** Null while the error persists. */
    readonly until: string | null;
  } | null;
}

/** Reads the state of one mirror. Its problems are returned, not thrown. */
export async function mirrorStatus(
  context: PipelineContext,
  mirror: Mirror,
): Promise<MirrorStatus> {
  return withLastError(context, await lookAt(context, mirror));
}

/** Returns the status of a mirror that cannot be opened. */
export function unopenedMirror(
  context: PipelineContext,
  name: string,
  problem: string,
): Promise<MirrorStatus> {
  return withLastError(context, unreachableMirror(name, problem));
}

async function withLastError(
  { store }: PipelineContext,
  status: MirrorStatus,
): Promise<MirrorStatus> {
  const time = (ms: number) => new Date(ms).toISOString();
  try {
    const record = await readMirrorRecord(store, status.name);
    if (record === undefined) return status;
    const { key = null, message, since, until } = record;
    const lastError = {
      key,
      message,
      since: time(since),
      until: until === undefined ? null : time(until),
    };
    return { ...status, lastError };
  } catch (error) {
    if (!isStoreError(error)) throw error;
    const problem = `its last error is not known: ${error.message}`;
    return { ...status, problems: [...status.problems, problem] };
  }
}

async function lookAt(context: PipelineContext, mirror: Mirror): Promise<MirrorStatus> {
  const { name, store } = mirror;
  try {
    const document = (await loadMirror(mirror))?.document;
    const { least, greatest } = await readMirrorStreams(store, context.documents);
    const catalog = await masterCatalog(context.store, new CatalogMemory());
    const wanted = wantedFiles([...listedEntries(catalog)], mirror.filter);
    const missing = missingFiles(document ?? { files: {}, embargoed: {}, tombstones: {} }, wanted);
    const problems: string[] = [];
    if (document === undefined)
      problems.push('it was never synchronised: run `bucketstreams mirror sync`');
    else if (document.store !== catalog.store) {
      problems.push(`it follows another master (${document.store})`);
    } else if (document.adopting) problems.push('what it had before is still to be read');
    else if (!isSame(least, revisionOf(document))) {
      problems.push('its public files are older than its document');
    }
    return {
      name,
      store: store.url,
      public: least ? { generation: least.catalog, revision: least.mirror ?? 0 } : null,
      behind: greatest ? catalog.generation - (least?.catalog ?? 0) : null,
      missingVersions: missing.versions.size,
      missingBytes: missing.bytes,
      leaving: Object.keys(document?.pendingDeletion ?? {}).length,
      problems,
      lastError: null,
    };
  } catch (error) {
    if (!isStoreError(error) && !isPipelineError(error)) throw error;
    return { ...unreachableMirror(name, error.message), store: store.url };
  }
}

/** Returns the status of a mirror that cannot be opened or read. */
function unreachableMirror(name: string, problem: string): MirrorStatus {
  const unknown = { public: null, behind: null, missingVersions: null, missingBytes: null };
  return { name, store: '', ...unknown, leaving: null, problems: [problem], lastError: null };
}

function isSame(published: Revision | undefined, document: Revision): boolean {
  return published !== undefined && compareRevisions(published, document) === 0;
}
