import { CompressionError } from './compression.ts';
import { MetadataError } from './image-metadata.ts';
import { TarError } from './tar-reader.ts';

/**
 * Why an image is rejected.
 *
 * - `unusable`: its files are no image that clients can use.
 * - `undecodable`: one of its files cannot be decompressed here; clients may be able to.
 * - `mismatch`: its fingerprint is not the announced one.
 * - `unnamed`: it has no product, or no valid one.
 * - `forbidden`: its sender may not publish it.
 * - `discarded`: it was removed before it was placed.
 * - `present`: an image with this fingerprint is already stored.
 * - `too_large`: it has more bytes than are allowed.
 */
export type ImageErrorCode =
  | 'unusable'
  | 'undecodable'
  | 'mismatch'
  | 'unnamed'
  | 'forbidden'
  | 'discarded'
  | 'present'
  | 'too_large';

/** An image is rejected. `message` is for its sender. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly code: ImageErrorCode;

  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Converts an error of an image's archive or metadata.yaml to an ImageError. Returns undefined for any other
 * error, such as a failed transfer. `describe` builds the message for an archive error.
 */
export function imageFault(
  error: unknown,
  describe: (reason: string) => string = (reason) =>
    `the image's archive cannot be used: ${reason}`,
): ImageError | undefined {
  if (error instanceof ImageError) return error;
  if (error instanceof MetadataError) {
    return new ImageError('unusable', `the image's metadata.yaml ${error.message}`, {
      cause: error,
    });
  }
  if (error instanceof TarError) {
    return new ImageError('unusable', describe(error.message), { cause: error });
  }
  if (error instanceof CompressionError) {
    return new ImageError('undecodable', describe(error.message), { cause: error });
  }
  return undefined;
}
