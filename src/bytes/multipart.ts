import { Dicer } from '@fastify/busboy';

import { borrowed, lend, type BorrowedChunks } from './borrowed-chunks.ts';

/** A body is not multipart/form-data in the form that LXD and Incus send. */
export class MultipartError extends Error {
  override readonly name = 'MultipartError';
}

export interface Part {
  /** The form field's name; LXD and Incus send `metadata`, then `rootfs` or `rootfs.img`. */
  readonly name: string;
  /** The reader must read it to its end before it asks for the next part. */
  readonly body: BorrowedChunks;
}

const MAX_BOUNDARY = 200;
const MAX_HEADERS = 8192;
/** The library opens all parts of a chunk at once. An image has two parts. */
const MAX_PARTS = 16;

/** Returns the boundary from a Content-Type of multipart/form-data; undefined for other types. */
export function multipartBoundary(contentType: string | undefined): string | undefined {
  if (!/^multipart\/form-data\s*(;|$)/i.test(contentType ?? '')) return undefined;
  const match = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType ?? '');
  const boundary = match?.[1] ?? match?.[2];
  if (boundary !== undefined && boundary.length <= MAX_BOUNDARY) return boundary;
  throw new MultipartError('its multipart/form-data body has no usable boundary');
}

/**
 * Splits a multipart body (RFC 7578) into its parts while reading it, in bounded memory. Rejects with
 * MultipartError, or with the body's error.
 */
export async function* multipartParts(
  body: BorrowedChunks,
  boundary: string,
): AsyncGenerator<Part, void, undefined> {
  const splitter = new Splitter(body, boundary);
  try {
    for (;;) {
      const part = await splitter.next();
      if (part === undefined) return;
      yield { name: part.name, body: borrowed(splitter.content(part.stream)) };
      if (!part.stream.readableEnded) throw new MultipartError('a part was not read to its end');
    }
  } finally {
    await splitter.close();
  }
}

interface OpenPart {
  readonly stream: Dicer.PartStream;
  headers: object | undefined;
}

/** Gives the library one chunk at a time, and only when all parts of the chunk before it are read. */
class Splitter {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #dicer: Dicer;
  readonly #open: OpenPart[] = [];
  #count = 0;
  #finished = false;

  constructor(body: BorrowedChunks, boundary: string) {
    this.#source = lend(body);
    // The library's types lack two of these settings. A part holds at most one chunk, so it never has to pause.
    const settings = { boundary, maxHeaderSize: MAX_HEADERS, partHwm: 2 ** 40 };
    this.#dicer = new Dicer(settings);
    this.#dicer.on('finish', () => {
      this.#finished = true;
    });
    this.#dicer.on('part', (stream) => {
      this.#count += 1;
      // This error leaves through `write`, so the library does not split the rest of the chunk.
      if (this.#count > MAX_PARTS) throw damaged(`it has more than ${MAX_PARTS} parts`);
      const part: OpenPart = { stream, headers: undefined };
      stream.on('header', (headers) => {
        part.headers = headers;
      });
      this.#open.push(part);
    });
  }

  /** Resolves to the next part; undefined after the last delimiter. */
  async next(): Promise<{ name: string; stream: Dicer.PartStream } | undefined> {
    for (let passed = 0; ;) {
      const [part, following] = this.#open;
      if (part?.headers !== undefined) {
        this.#open.shift();
        return { name: fieldName(part.headers), stream: part.stream };
      }
      if (part !== undefined && (following !== undefined || this.#finished)) {
        throw damaged('a part has no content');
      }
      if (this.#finished) return undefined;
      if (passed > MAX_HEADERS) {
        throw damaged(`more than ${MAX_HEADERS} bytes stand before a part's content`);
      }
      passed += await this.#feed();
    }
  }

  async *content(stream: Dicer.PartStream): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const chunk: unknown = stream.read();
      if (chunk instanceof Uint8Array) {
        yield chunk;
        continue;
      }
      // `readableEnded` becomes true in the tick after the last read.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      if (stream.readableEnded) return;
      await this.#feed();
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  /** Gives the next chunk to the library. Resolves to its length in bytes. */
  async #feed(): Promise<number> {
    const next = await this.#source.next();
    if (next.done === true) throw damaged('it ends before its last delimiter');
    const { buffer, byteOffset, byteLength } = next.value;
    await new Promise<void>((resolve, reject) => {
      this.#dicer.write(Buffer.from(buffer, byteOffset, byteLength), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    return byteLength;
  }
}

function fieldName(headers: object): string {
  const match = /;\s*name=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(disposition(headers));
  const name = match?.[1] ?? match?.[2];
  if (name === undefined) throw damaged('a part has no name');
  return name;
}

/** Returns the Content-Disposition. The library keeps header values as lists, by lower-case names, in Latin-1. */
function disposition(headers: object): string {
  const found: unknown = Object.entries(headers).find(([n]) => n === 'content-disposition')?.[1];
  const value: unknown = Array.isArray(found) ? found[0] : undefined;
  return typeof value === 'string' ? Buffer.from(value, 'latin1').toString('utf8') : '';
}

function damaged(what: string): MultipartError {
  return new MultipartError(`its multipart/form-data body is damaged: ${what}`);
}
