import { GatewayError } from '../gateway/api/answers.ts';

/** Reads a small body whole. GatewayError 413 when it is longer than `limit` bytes. */
export async function wholeBody(body: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > limit)
      throw new GatewayError(413, `more than ${limit} bytes where less is expected`);
    // A chunk holds only until the next is asked for.
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}
