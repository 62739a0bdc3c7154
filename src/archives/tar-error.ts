/**
 * An archive breaks the rules of the format or a limit of ours. `message` completes "it is no usable archive: …".
 */
export class TarError extends Error {
  override readonly name = 'TarError';
}
