/** A source of public files: a store, or a server that is read as a client reads it. */
export interface PublicSource {
  readonly url: string;
  /** Opens a path below the URL; rejects with a StoreError. A body that ends early is an error of the stream. */
  open(path: string): Promise<AsyncIterable<Uint8Array>>;
}
