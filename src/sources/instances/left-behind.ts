/** Something that was made for an upload could not be taken away. `message` says what, and what to do. */
export class LeftBehindError extends Error {
  override readonly name = 'LeftBehindError';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
