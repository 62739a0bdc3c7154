import { borrowed, lend, type BorrowedChunks } from './borrowed-chunks.ts';

/** A body is no multipart/form-data as LXD and Incus send it. */
export class MultipartError extends Error {
  override readonly name = 'MultipartError';
}

export interface Part {
  /** The form field's name; LXD and Incus send `metadata`, then `rootfs` or `rootfs.img`. */
  readonly name: string;
  /** To be read to its end before the next part is asked for. */
  readonly body: BorrowedChunks;
}

const MAX_BOUNDARY = 200;
const MAX_HEADERS = 8192;
const CRLF2 = Buffer.from('\r\n\r\n');

/** The boundary in a Content-Type of multipart/form-data; undefined when it is another type. */
export function multipartBoundary(contentType: string | undefined): string | undefined {
  if (!/^multipart\/form-data\s*(;|$)/i.test(contentType ?? '')) return undefined;
  const match = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType ?? '');
  const boundary = match?.[1] ?? match?.[2];
  if (boundary !== undefined && boundary.length <= MAX_BOUNDARY) return boundary;
  throw new MultipartError('its multipart/form-data body has no usable boundary');
}

/**
 * Splits a multipart body (RFC 7578) into its parts as it passes, in bounded memory.
 */
export async function* multipartParts(
  body: BorrowedChunks,
  boundary: string,
): AsyncGenerator<Part, void, undefined> {
  const input = new Input(body);
  try {
    const delimiter = Buffer.from(`\r\n--${boundary}`);
    // The first delimiter may stand at the very beginning, without its line break.
    input.unshift(Buffer.from('\r\n'));
    await input.before(delimiter, MAX_HEADERS);
    for (;;) {
      const next = await input.take(2);
      if (next.toString('latin1') === '--') return;
      if (next.toString('latin1') !== '\r\n') throw damaged('a delimiter is followed by text');
      input.unshift(Buffer.from('\r\n'));
      const headers = await input.before(CRLF2, MAX_HEADERS);
      const content = new PartBody(input, delimiter);
      yield { name: fieldName(headers.toString('utf8')), body: borrowed(content) };
      if (!content.ended) throw new MultipartError('a part was not read to its end');
    }
  } finally {
    await input.close();
  }
}

class PartBody implements AsyncIterable<Uint8Array> {
  ended = false;
  private readonly input: Input;
  private readonly delimiter: Buffer;

  constructor(input: Input, delimiter: Buffer) {
    this.input = input;
    this.delimiter = delimiter;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    yield* this.input.until(this.delimiter);
    this.ended = true;
  }
}

/** Reads a stream of chunks up to given bytes. */
class Input {
  private readonly source: AsyncIterator<Uint8Array>;
  private held: Buffer = Buffer.alloc(0);

  constructor(body: BorrowedChunks) {
    this.source = lend(body);
  }

  unshift(bytes: Buffer): void {
    this.held = Buffer.concat([bytes, this.held]);
  }

  async take(length: number): Promise<Buffer> {
    while (this.held.length < length) this.held = await this.joined(this.held);
    const bytes = this.held.subarray(0, length);
    this.held = this.held.subarray(length);
    return bytes;
  }

  /** What comes before `mark`, which is taken too. More than `limit` bytes of it are an error. */
  async *until(mark: Buffer, limit = Infinity): AsyncGenerator<Buffer, void, undefined> {
    for (let passed = 0; ;) {
      const at = this.held.indexOf(mark);
      // Without a match, all but what may be the mark's beginning can go.
      const length = at < 0 ? beginningOf(mark, this.held) : at;
      const bytes = this.held.subarray(0, length);
      passed += length;
      if (passed > limit) throw damaged(`more than ${limit} bytes stand before a part's content`);
      this.held = this.held.subarray(at < 0 ? length : at + mark.length);
      if (length > 0) yield bytes;
      if (at >= 0) return;
      this.held = await this.joined(this.held);
    }
  }

  /** The same, whole. */
  async before(mark: Buffer, limit: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.until(mark, limit)) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  }

  async close(): Promise<void> {
    await this.source.return?.();
  }

  /** `rest`, copied, and the next chunk. */
  private async joined(rest: Buffer): Promise<Buffer> {
    const kept = Buffer.from(rest);
    const next = await this.source.next();
    if (next.done === true) throw damaged('it ends before its last delimiter');
    const { buffer, byteOffset, byteLength } = next.value;
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    return kept.length === 0 ? bytes : Buffer.concat([kept, bytes]);
  }
}

/** Where in `bytes` the last ones begin that `mark` may begin with; their length when none do. */
function beginningOf(mark: Buffer, bytes: Buffer): number {
  const [first = 0] = mark;
  for (let at = Math.max(bytes.length - mark.length + 1, 0); ; at += 1) {
    at = bytes.indexOf(first, at);
    if (at < 0) return bytes.length;
    if (mark.subarray(0, bytes.length - at).equals(bytes.subarray(at))) return at;
  }
}

function fieldName(headers: string): string {
  const disposition = /^content-disposition:(.*)$/im.exec(headers)?.[1] ?? '';
  const match = /;\s*name=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/i.exec(disposition);
  const name = match?.[1] ?? match?.[2];
  if (name === undefined) throw damaged('a part has no name');
  return name;
}

function damaged(what: string): MultipartError {
  return new MultipartError(`its multipart/form-data body is damaged: ${what}`);
}
