import { borrowed, lend, type BorrowedChunks } from '../bytes/borrowed-chunks.ts';

/** An archive breaks the format's rules or our limits. `message` completes "it is no usable archive: …". */
export class TarError extends Error {
  override readonly name = 'TarError';
}

export interface TarEntry {
  /** As stored, without leading `./` and trailing `/`; empty for the root folder itself. */
  readonly path: string;
  readonly type: 'file' | 'folder' | 'symlink' | 'hardlink' | 'other';
  /** Bytes of content. */
  readonly size: number;
  /** The content whole, valid until the next entry is asked for. TarError when it is longer than `limit` bytes. */
  read(limit: number): Promise<Buffer>;
  /** The content in pieces. Instead of `read`. */
  content(): BorrowedChunks;
}

export interface TarLimits {
  /** Bytes of the uncompressed archive. */
  readonly bytes: number;
  readonly entries: number;
}

const BLOCK = 512;
/** Of a long name or a pax header; Linux paths end at 4096. */
const HEADER_LIMIT = 64 * 1024;

/**
 * Walks over the entries of an uncompressed tar (POSIX ustar, pax, GNU), one at a time, in bounded memory.
 * It creates no files, so names and links in it reach nothing here.
 */
export async function* tarEntries(
  body: BorrowedChunks,
  limits: TarLimits,
): AsyncGenerator<TarEntry, void, undefined> {
  const input = new BlockReader(body, limits.bytes);
  try {
    let longName: string | undefined;
    let longSize: number | undefined;
    for (let count = 0; ;) {
      const header = await input.take(BLOCK);
      if (header === undefined || header.every((byte) => byte === 0)) return;
      checkSum(header);
      const size = longSize ?? number(header, 124, 12);
      longSize = undefined;
      const type = String.fromCharCode(header[156] ?? 0);
      const padded = Math.ceil(size / BLOCK) * BLOCK;
      if (type === 'L' || type === 'x' || type === 'g' || type === 'K') {
        if (size > HEADER_LIMIT) throw new TarError('a header in it is larger than 64 KiB');
        const text = (await input.need(padded)).toString('utf8', 0, size);
        if (type === 'L') longName = text.replace(/\0.*$/s, '');
        else if (type === 'x') {
          longName = paxValue(text, 'path') ?? longName;
          longSize = paxSize(paxValue(text, 'size'));
        }
        continue;
      }
      // GNU's sparse files: further blocks of their map follow while a flag says so.
      let mapped = type === 'S' && header[482] !== 0;
      while (mapped) mapped = (await input.need(BLOCK))[504] !== 0;
      if (++count > limits.entries) {
        throw new TarError(`it has more than ${limits.entries} entries`);
      }
      const kind = KINDS[type] ?? 'other';
      let left = kind === 'file' || kind === 'other' ? padded : 0;
      yield {
        path: tidy(longName ?? shortName(header)),
        type: kind,
        size: left === 0 ? 0 : size,
        read: async (limit) => {
          if (size > limit) throw new TarError(`an entry in it is larger than ${limit} bytes`);
          const content = await input.need(left);
          left = 0;
          return content.subarray(0, size);
        },
        content: () =>
          borrowed(
            (async function* () {
              for (let rest = size; rest > 0;) {
                const piece = await input.piece(rest);
                rest -= piece.length;
                left -= piece.length;
                yield piece;
              }
            })(),
          ),
      };
      longName = undefined;
      await input.skip(left);
    }
  } finally {
    await input.close();
  }
}

const KINDS: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'folder',
};

function tidy(path: string): string {
  return path
    .replace(/^(\.\/+)+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '');
}

function shortName(header: Buffer): string {
  const name = text(header, 0, 100);
  const prefix = text(header, 257, 6) === 'ustar' ? text(header, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** `length key=value\n`, repeated; the length counts its whole line in bytes. */
function paxValue(records: string, key: string): string | undefined {
  return new RegExp(`(?:^|\\n)\\d+ ${key}=([^\\n]*)\\n`).exec(records)?.[1];
}

function paxSize(digits: string | undefined): number | undefined {
  if (digits === undefined) return undefined;
  if (/^\d{1,15}$/.test(digits)) return Number(digits);
  throw new TarError('a header in it has a damaged number');
}

function text(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

function number(header: Buffer, start: number, length: number): number {
  const first = header[start] ?? 0;
  let value: number;
  if (first & 0x80) {
    // GNU's form for sizes of 8 GiB and more: the field is one big-endian number.
    value = header.subarray(start + 1, start + length).reduce((sum, byte) => sum * 256 + byte, 0);
  } else {
    const digits = text(header, start, length).trim();
    value = /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : Number.NaN;
  }
  if (Number.isSafeInteger(value)) return value;
  throw new TarError('a header in it has a damaged number');
}

function checkSum(header: Buffer): void {
  const stored = number(header, 148, 8);
  const sum = header.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== stored) throw new TarError('it is no tar, or damaged: a checksum in it is wrong');
}

/** Cuts a stream of chunks into the lengths that are asked for. */
class BlockReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private readonly limit: number;
  private chunk: Buffer = Buffer.alloc(0);
  private passed = 0;

  constructor(body: BorrowedChunks, limit: number) {
    this.source = lend(body);
    this.limit = limit;
  }

  /** `length` bytes, or undefined at the exact end. */
  async take(length: number): Promise<Buffer | undefined> {
    if (this.chunk.length === 0 && !(await this.fill())) return undefined;
    return this.need(length);
  }

  async need(length: number): Promise<Buffer> {
    const first = await this.piece(length);
    if (first.length === length) return first;
    const whole = Buffer.alloc(length);
    for (let done = first.copy(whole); done < length;) {
      done += (await this.piece(length - done)).copy(whole, done);
    }
    return whole;
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) left -= (await this.piece(left)).length;
  }

  /** From one byte on to as many as are there, `length` at most; none only when none are asked for. */
  async piece(length: number): Promise<Buffer> {
    if (length > 0 && this.chunk.length === 0 && !(await this.fill())) {
      throw new TarError('it ends in the middle of an entry');
    }
    const piece = this.chunk.subarray(0, length);
    this.chunk = this.chunk.subarray(piece.length);
    return piece;
  }

  async close(): Promise<void> {
    await this.source.return?.();
  }

  private async fill(): Promise<boolean> {
    for (;;) {
      const next = await this.source.next();
      if (next.done === true) return false;
      const { buffer, byteOffset, byteLength } = next.value;
      this.passed += byteLength;
      if (this.passed > this.limit) {
        throw new TarError(`it is larger than ${this.limit} bytes when decompressed`);
      }
      this.chunk = Buffer.from(buffer, byteOffset, byteLength);
      if (byteLength > 0) return true;
    }
  }
}
