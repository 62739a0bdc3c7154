/**
 * What the pipeline cannot go on with, beside the store's own errors.
 *
 * - `catalog_unreadable`: the stored catalog is damaged.
 * - `catalog_newer`: it was written by a newer bucketstreams.
 * - `catalog_lost`: there is none, though public files of ours exist.
 * - `catalog_behind`: it is older than the public files.
 * - `catalog_contended`: every try to change it met a rival's change.
 * - `document_too_large`: a catalog, or a mirror's document, would outgrow what can be stored and read back.
 * - `streams_foreign`: the public files are another program's, and nobody asked to take them over.
 * - `master_empty`: there is no catalog to mirror.
 * - `mirror_unreadable`: a mirror's document is damaged.
 * - `mirror_newer`: it was written by a newer bucketstreams.
 * - `mirror_lost`: there is none, though the mirror has public files of ours.
 * - `mirror_bound`: the mirror follows another master, or a later state of this one.
 * - `mirror_contended`: every try to change its document met a rival's change.
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

/** `message` is complete for a person: what, where, what to do. */
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
