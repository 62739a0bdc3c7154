import { CompressionError } from './compression.ts';
import { MetadataError } from './image-metadata.ts';
import { TarError } from './tar-reader.ts';

/**
 * Why an image is not taken in.
 *
 * - `unusable`: its files are no image that clients can use.
 * - `undecodable`: a file of it cannot be decompressed here, though clients may be able to.
 * - `mismatch`: its bytes have another fingerprint than the one that was announced.
 * - `unnamed`: no product, or no valid one, was named for it.
 * - `forbidden`: its sender may not publish it.
 * - `discarded`: it was removed before it was placed.
 * - `present`: an image with this fingerprint is stored already.
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
 * The ImageError that stands for a fault of an image's archive or of its metadata.yaml; undefined for any other
 * error, such as one of the way to the archive. `describe` makes the message of an archive's fault.
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
