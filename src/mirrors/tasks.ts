import type { Proven } from './ledger/document.ts';
import type { MirrorWork } from './ledger/work.ts';
import { isStoreError } from '../storage/errors.ts';
import type { PipelineContext } from '../pipeline/context.ts';
import { copyObject } from '../pipeline/copy-object.ts';
import { digest } from '../pipeline/digest.ts';
import type { Mirror } from './mirror.ts';

/** The outcome of a task. The next look finds what the task changed. */
export type WorkOutcome =
  | { readonly kind: 'proven'; readonly proven: Proven; readonly bytes: number }
  /** The object was removed, or its state is not the expected one: look again. */
  | { readonly kind: 'look' }
  /** Retry later. */
  | { readonly kind: 'later' }
  | { readonly kind: 'failed'; readonly error: unknown };

export interface TaskOptions {
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Does one piece of a mirror's work. Never rejects. */
export async function doMirrorWork(
  context: PipelineContext,
  mirror: Mirror,
  work: MirrorWork,
  options: TaskOptions,
): Promise<WorkOutcome> {
  try {
    switch (work.kind) {
      case 'copy':
        return await copy(context, mirror, work, options);
      case 'read':
        return await read(context, mirror, work, options);
      case 'remove':
        await mirror.store.remove(work.key, { ifMatch: work.etag });
        return { kind: 'look' };
    }
  } catch (error) {
    if (options.signal?.aborted) return { kind: 'later' };
    // The object of the source or of the mirror was changed or deleted.
    const changed = isStoreError(error, 'precondition_failed', 'conflict', 'not_found');
    return changed ? { kind: 'look' } : { kind: 'failed', error };
  }
}

async function copy(
  { store }: PipelineContext,
  mirror: Mirror,
  { key, wanted, over }: MirrorWork & { readonly kind: 'copy' },
  options: TaskOptions,
): Promise<WorkOutcome> {
  const { etag, size, sha256 } = wanted;
  const condition = over === undefined ? { ifAbsent: true as const } : { ifMatch: over };
  const order = { key, etag, size, sha256, condition, ...options };
  const copied = await copyObject(store, mirror.store, order);
  const proven = { etag: copied.etag, size, sha256, source: etag, proof: 'copied' as const };
  return { kind: 'proven', proven, bytes: size };
}

async function read(
  context: PipelineContext,
  { name, store }: Mirror,
  { key, etag, wanted }: MirrorWork & { readonly kind: 'read' },
  { onProgress, signal }: TaskOptions,
): Promise<WorkOutcome> {
  const body = await store.read(key, { ifMatch: etag, signal });
  const { sha256, size } = await digest(context, body.stream, [], { mirror: name });
  onProgress?.(size);
  const proven = { etag, size, sha256, source: wanted.etag, proof: 'read' as const };
  return { kind: 'proven', proven, bytes: 0 };
}
