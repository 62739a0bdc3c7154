/** An archive breaks the format's rules or our limits. `message` completes "it is no usable archive: …". */
export class TarError extends Error {
  override readonly name = 'TarError';
}
