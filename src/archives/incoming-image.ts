import type { Part } from '../bytes/multipart.ts';

/** An image as it comes from a client: one archive, or metadata and then a root. */
export type IncomingImage =
  | { readonly kind: 'unified'; readonly body: AsyncIterable<Uint8Array> }
  | { readonly kind: 'split'; readonly parts: AsyncIterable<Part> };
