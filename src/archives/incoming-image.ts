import type { BorrowedChunks } from '../bytes/borrowed-chunks.ts';
import type { Part } from '../bytes/multipart.ts';

/** An image as a client sends it: one archive, or metadata and then a root. */
export type IncomingImage =
  | { readonly kind: 'unified'; readonly body: BorrowedChunks }
  | { readonly kind: 'split'; readonly parts: AsyncIterable<Part> };
