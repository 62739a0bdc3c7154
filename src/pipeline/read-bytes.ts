import type { ETag, ObjectBody, ObjectStore } from '../storage/object-store.ts';

/** Reads a small object whole, in the given state, up to `limit` bytes. */
export async function readBytes(
  store: ObjectStore,
  key: string,
  options: { readonly ifMatch?: ETag; readonly limit: number },
): Promise<Buffer> {
  return collect(
    await store.read(key, { ifMatch: options.ifMatch, range: { start: 0, end: options.limit } }),
  );
}

/** Returns all bytes of a body that fits into memory. */
export async function collect({ stream }: Pick<ObjectBody, 'stream'>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
