import { missingFiles } from '../catalog/mirror-work.ts';
import { wantedFiles } from '../catalog/mirror-selection.ts';
import { listedImages } from '../simplestreams/listing.ts';
import { compareRevisions, type Revision } from '../simplestreams/generation.ts';
import { CatalogMemory } from './catalog-memory.ts';
import { masterCatalog, revisionOf } from './commit-mirror.ts';
import type { PipelineContext } from './context.ts';
import { isPipelineError } from './errors.ts';
import { loadMirror, readMirrorStreams } from './load-mirror.ts';
import type { Mirror } from './mirror.ts';
import { isStoreError } from '../storage/errors.ts';

/** How a mirror is, by its document and its public files; its images are not looked at. */
export interface MirrorStatus {
  readonly name: string;
  readonly store: string;
  /** Of the master's catalog that is public there, with the mirror's own revision; null where nothing is. */
  readonly public: { readonly generation: number; readonly revision: number } | null;
  /** How many generations the public files are behind the master's catalog; null when unknown. */
  readonly behind: number | null;
  /** Null when unknown, as are the next two. */
  readonly missingVersions: number | null;
  /** Still to be copied. */
  readonly missingBytes: number | null;
  /** Objects that are to be deleted when their time has come. */
  readonly leaving: number | null;
  readonly problems: readonly string[];
}

/** Looks at one mirror. What is wrong with it is told, not thrown. */
export async function mirrorStatus(
  context: PipelineContext,
  mirror: Mirror,
): Promise<MirrorStatus> {
  const { name, store } = mirror;
  try {
    const document = (await loadMirror(mirror))?.document;
    const { least, greatest } = await readMirrorStreams(store);
    const catalog = await masterCatalog(context.store, new CatalogMemory());
    const wanted = wantedFiles(catalog, [...listedImages(catalog)], mirror.filter);
    const missing = missingFiles(document ?? { files: {}, held: {}, spent: {} }, wanted);
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
      leaving: Object.keys(document?.leaving ?? {}).length,
      problems,
    };
  } catch (error) {
    if (!isStoreError(error) && !isPipelineError(error)) throw error;
    return { ...unreachableMirror(name, error.message), store: store.url };
  }
}

/** Of a mirror that cannot be opened or read. */
export function unreachableMirror(name: string, problem: string): MirrorStatus {
  const unknown = { public: null, behind: null, missingVersions: null, missingBytes: null };
  return { name, store: '', ...unknown, leaving: null, problems: [problem] };
}

function isSame(published: Revision | undefined, document: Revision): boolean {
  return published !== undefined && compareRevisions(published, document) === 0;
}
