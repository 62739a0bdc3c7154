/** The client disconnected before the response. Nothing that it requested may be created. */
export class ClientGoneError extends Error {
  override readonly name = 'ClientGoneError';

  constructor() {
    super('the connection ended before the answer; nothing was published');
  }
}
