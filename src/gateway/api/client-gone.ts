/** Whoever asked went away before it was answered: nothing of what it asked for may come to be. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';

  constructor() {
    super('the connection ended before the answer; nothing was published');
  }
}
