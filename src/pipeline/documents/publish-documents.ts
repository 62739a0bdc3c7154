import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { EDGE_COMPRESSION_LIMIT } from '../../facts/delivery-policy.ts';
import type { MetricLabels } from '../../log/meter.ts';
import { compareRevisions, type Revision } from '../../simplestreams/generation.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ObjectStore, WriteOptions } from '../../storage/object-store.ts';
import type { PipelineContext } from '../context.ts';
import {
  followsCatalog,
  revisionFor,
  type PublicDocument,
  type PublishedState,
} from './public-documents.ts';
import { readPublicFile, type PublicFile } from './public-files.ts';

const MAX_TRIES = 20;
/** Runs outside the calling thread, which may be serving clients. */
const gzipped = promisify(gzip);

export interface Written {
  /** The keys written, in the order of writing. */
  readonly written: readonly string[];
  /** Revisions of documents that show a later state than this one. These documents are not changed. */
  readonly ahead: readonly Revision[];
}

/**
 * Brings all public documents of `store`, the master or a mirror, up to `state`. This is the only place that
 * writes them. They are written in the order of the table, by conditional writes. A document is written when
 * its stored revision is lower, or when it is absent or another program's. It is never written when the
 * stored revision is equal or higher.
 */
export async function publishDocuments(
  context: Pick<PipelineContext, 'documents' | 'meter' | 'pause' | 'random'>,
  store: ObjectStore,
  state: PublishedState,
  labels?: MetricLabels,
): Promise<Written> {
  const written: string[] = [];
  const ahead: Revision[] = [];
  for (const document of context.documents) {
    const outcome = await bringUp(context, store, document, state);
    if (outcome.kind === 'written') written.push(document.key);
    if (outcome.kind === 'newer' && followsCatalog(document)) ahead.push(outcome.revision);
  }
  if (written.length > 0) context.meter.count('Publications', 1, labels);
  return { written, ahead };
}

type BroughtUp =
  | { readonly kind: 'written' }
  | { readonly kind: 'equal' }
  | { readonly kind: 'newer'; readonly revision: Revision };

async function bringUp(
  { pause, random }: Pick<PipelineContext, 'pause' | 'random'>,
  store: ObjectStore,
  document: PublicDocument,
  state: PublishedState,
): Promise<BroughtUp> {
  const wanted = revisionFor(document, state.revision);
  for (let attempt = 1; ; attempt++) {
    const file = await readPublicFile(store, document);
    if (file.kind === 'ours') {
      const order = compareRevisions(file.revision, wanted);
      if (order === 0) return { kind: 'equal' };
      if (order > 0) return { kind: 'newer', revision: file.revision };
    }
    try {
      await write(store, document, document.render(state), file);
      return { kind: 'written' };
    } catch (error) {
      const mayPass = ['precondition_failed', 'conflict', 'not_found', 'unavailable'] as const;
      if (!isStoreError(error, ...mayPass) || attempt >= MAX_TRIES) throw error;
      await pause(random() * Math.min(1000, 25 * 2 ** attempt));
    }
  }
}

/** Writes only while the stored object is still `seen`. */
async function write(
  store: ObjectStore,
  { key, contentType, cacheControl }: PublicDocument,
  body: Uint8Array,
  seen: PublicFile,
): Promise<void> {
  const options: WriteOptions = {
    condition: seen.kind === 'absent' ? { ifAbsent: true } : { ifMatch: seen.etag },
    contentType,
    cacheControl,
  };
  if (body.length <= EDGE_COMPRESSION_LIMIT) await store.write(key, body, options);
  else await store.write(key, await gzipped(body), { ...options, contentEncoding: 'gzip' });
}
