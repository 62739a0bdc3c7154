/** Something that was made for an upload could not be taken away. `message` says what, and what to do. */
export class LeftBehindError extends Error {
  override readonly name = 'LeftBehindError';
}
