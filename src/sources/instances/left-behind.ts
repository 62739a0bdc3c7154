/** Something that was created for an upload could not be deleted. `message` names it and says what to do. */
export class LeftBehindError extends Error {
  override readonly name = 'LeftBehindError';
}
