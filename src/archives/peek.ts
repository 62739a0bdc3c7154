import { sniff, SNIFF_LENGTH, type Compression, type Signature } from './compression.ts';

/** How much of an archive may pass before it is known for what it is; tools put what tells it first. */
const HEAD = 16 * 1024 * 1024;
/** How many times its own size an archive's beginning may decompress to before it is given up. */
const MAX_RATIO = 16;

/** A stream whose beginning was looked at: `body` still yields all of it. */
export interface Peeked<T> {
  readonly found: T;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Looks at the first bytes of a stream. */
export async function peekSignature(body: AsyncIterable<Uint8Array>): Promise<Peeked<Signature>> {
  const source = body[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let length = 0;
  while (length < SNIFF_LENGTH) {
    const next = await source.next();
    if (next.done === true) break;
    // A chunk holds only until the next is asked for.
    seen.push(Buffer.from(next.value));
    length += next.value.byteLength;
  }
  return { found: sniff(Buffer.concat(seen)), body: replay(seen, source) };
}

/** Looks into an archive: `limit` is that of its decompressed bytes. */
export type LookInto<T> = (
  body: AsyncIterable<Uint8Array>,
  compression: Compression,
  options: { readonly limit: number },
) => Promise<T>;

/**
 * Looks into an archive that passes by, as far as is needed to tell what it is; what was read so far is held
 * in memory, 16 MiB at most, and there the archive counts as cut short.
 */
export async function peekTar<T>(
  body: AsyncIterable<Uint8Array>,
  compression: Compression,
  look: LookInto<T>,
): Promise<Peeked<T>> {
  const source = body[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  const recording = record(source, seen, HEAD);
  const found = await look(recording, compression, { limit: HEAD * MAX_RATIO });
  // A decompressor reads ahead: what it asked for last must have been recorded too.
  await recording.return();
  return { found, body: replay(seen, source) };
}

async function* record(
  source: AsyncIterator<Uint8Array>,
  seen: Uint8Array[],
  limit: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let length = 0; length < limit;) {
    const next = await source.next();
    if (next.done === true) return;
    length += next.value.byteLength;
    const kept = Buffer.from(next.value);
    seen.push(kept);
    yield kept;
  }
}

async function* replay(
  seen: Uint8Array[],
  source: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for (let chunk = seen.shift(); chunk !== undefined; chunk = seen.shift()) yield chunk;
    for (;;) {
      const next = await source.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await source.return?.();
  }
}
