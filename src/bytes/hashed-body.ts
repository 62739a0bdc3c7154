import type { Hash } from 'node:crypto';

/** A body that is hashed as it passes. */
export async function* hashedBody(
  body: AsyncIterable<Uint8Array>,
  hash: Hash,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of body) {
    hash.update(chunk);
    yield chunk;
  }
}
