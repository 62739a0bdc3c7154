/**
 * The conditions that stop the pipeline, besides the store's own errors.
 *
 * - `catalog_unreadable`: the stored catalog is damaged.
 * - `catalog_newer`: the catalog was written by a newer bucketstreams.
 * - `catalog_lost`: there is no catalog, but there are public files of ours.
 * - `catalog_behind`: the catalog is older than the public files.
 * - `catalog_contended`: every try to change the catalog met another writer's change.
 * - `document_too_large`: a catalog, or a mirror's document, would be too large to be stored and read back.
 * - `streams_foreign`: the public files are another program's, and the caller did not ask to take them over.
 * - `master_empty`: there is no catalog to mirror.
 * - `mirror_unreadable`: a mirror's document is damaged.
 * - `mirror_newer`: a mirror's document was written by a newer bucketstreams.
 * - `mirror_lost`: a mirror has no document, but it has public files of ours.
 * - `mirror_bound`: the mirror follows another master, or a later state of this one.
 * - `mirror_contended`: every try to change a mirror's document met another writer's change.
 * - `streams_absent`: there are no public files to read.
 */
export type PipelineErrorCode =
  | 'catalog_unreadable'
  | 'catalog_newer'
  | 'catalog_lost'
  | 'catalog_behind'
  | 'catalog_contended'
  | 'document_too_large'
  | 'streams_foreign'
  | 'streams_absent'
  | 'master_empty'
  | 'mirror_unreadable'
  | 'mirror_newer'
  | 'mirror_lost'
  | 'mirror_bound'
  | 'mirror_contended';

/** `message` is complete for a person: what happened, where, and what to do. */
export class PipelineError extends Error {
  override readonly name = 'PipelineError';
  readonly code: PipelineErrorCode;

  constructor(code: PipelineErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export function isPipelineError(
  error: unknown,
  ...codes: PipelineErrorCode[]
): error is PipelineError {
  return error instanceof PipelineError && (codes.length === 0 || codes.includes(error.code));
}
