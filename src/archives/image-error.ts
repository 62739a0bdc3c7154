/**
 * Why an image is not taken in.
 *
 * - `unusable`: its files are no image that clients can use.
 * - `mismatch`: its bytes have another fingerprint than the one that was announced.
 * - `unnamed`: no product, or no valid one, was named for it.
 * - `forbidden`: its sender may not publish it.
 * - `discarded`: it was removed before it was placed.
 * - `present`: an image with this fingerprint is stored already.
 * - `too_large`: it has more bytes than are allowed.
 */
export type ImageErrorCode =
  'unusable' | 'mismatch' | 'unnamed' | 'forbidden' | 'discarded' | 'present' | 'too_large';

/** An image is refused. `message` is for its sender. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly code: ImageErrorCode;

  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
