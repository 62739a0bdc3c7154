import type { MetricLabels } from '../../log/meter.ts';
import { isStoreError } from '../../storage/errors.ts';
import type { ETag, ObjectStore } from '../../storage/object-store.ts';
import type { PipelineContext } from '../context.ts';
import { PipelineError } from '../errors.ts';

/** Enough for a hundred concurrent writers: every conflict means that one of them succeeded. */
export const MAX_COMMIT_TRIES = 40;

/**
 * The largest document, in bytes. The public files made from it are up to half as large again. Each of them
 * must fit into one string of the engine (512 MiB) and into one write.
 */
export const DOCUMENT_LIMIT = 256 * 1024 * 1024;

export interface Stored<T> {
  readonly document: T;
  readonly etag: ETag;
}

/** A document that is changed by compare-and-swap only. */
export interface SwappedDocument<T> {
  readonly store: ObjectStore;
  readonly key: string;
  /** Reads it, or creates it. */
  readonly load: () => Promise<Stored<T>>;
  readonly serialize: (document: T) => Uint8Array;
  /** Returns the error for a document that disappeared between reading and writing. */
  readonly lost: () => Error;
  readonly contended: (cause: unknown) => Error;
  /** The counter of the tries after the first. */
  readonly retries: {
    readonly counter: 'CommitRetries' | 'MirrorCommitRetries';
    readonly labels?: MetricLabels;
  };
}

/**
 * Changes a document by compare-and-swap. `plan` gets the document that was just read and returns the next
 * one, or undefined for no change.
 *
 * - It must look at the store itself, so that every look is younger than the document that it is merged into.
 *   A swap that succeeds then proves that no other writer committed a younger look in between.
 * - It runs again after every conflict, so it must be idempotent. When the response to a swap was lost, the
 *   next try finds the swap done.
 *
 * Throws PipelineError `document_too_large`.
 */
export async function commitDocument<T>(
  { log, meter, pause, random }: Pick<PipelineContext, 'log' | 'meter' | 'pause' | 'random'>,
  target: SwappedDocument<T>,
  plan: (current: T) => Promise<T | undefined>,
): Promise<Stored<T> & { readonly changed: boolean }> {
  for (let attempt = 1; ; attempt++) {
    const current = await target.load();
    const next = await plan(current.document);
    if (next === undefined) return { ...current, changed: false };
    const bytes = target.serialize(next);
    if (bytes.length > DOCUMENT_LIMIT) throw tooLarge(target, bytes.length);
    try {
      const { etag } = await target.store.write(target.key, bytes, {
        condition: { ifMatch: current.etag },
        contentType: 'application/json',
      });
      return { document: next, etag, changed: true };
    } catch (error) {
      if (isStoreError(error, 'not_found')) throw target.lost();
      // An unknown outcome is handled like a conflict: the next read shows it.
      if (!isStoreError(error, 'precondition_failed', 'conflict', 'unavailable')) throw error;
      if (attempt >= MAX_COMMIT_TRIES) throw target.contended(error);
      meter.count(target.retries.counter, 1, target.retries.labels);
      log('debug', 'document changed by another writer', { key: target.key, attempt });
      await pause(random() * Math.min(2000, 25 * 2 ** Math.min(attempt, 8)));
    }
  }
}

function tooLarge<T>({ key, store }: SwappedDocument<T>, bytes: number): PipelineError {
  const mib = (size: number) => `${Math.ceil(size / 1024 / 1024)} MiB`;
  return new PipelineError(
    'document_too_large',
    `${key} in ${store.url} would have ${mib(bytes)}; more than ${mib(DOCUMENT_LIMIT)} cannot be published. ` +
      'Nothing was changed. Withdraw old versions with `bucketstreams prune`, or divide the images between two stores.',
  );
}
