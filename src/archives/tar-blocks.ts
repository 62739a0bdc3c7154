import { lend, type BorrowedChunks } from '../bytes/borrowed-chunks.ts';
import { TarError } from './tar-error.ts';

/** Reads a stream of chunks in the lengths that the caller asks for. Rejects with TarError after `limit` bytes. */
export class BlockReader {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #limit: number;
  #chunk: Buffer = Buffer.alloc(0);
  #passed = 0;

  constructor(body: BorrowedChunks, limit: number) {
    this.#source = lend(body);
    this.#limit = limit;
  }

  /** Returns `length` bytes, or undefined at the exact end. */
  async take(length: number): Promise<Buffer | undefined> {
    if (this.#chunk.length === 0 && !(await this.#fill())) return undefined;
    return this.need(length);
  }

  async need(length: number): Promise<Buffer> {
    const first = await this.piece(length);
    if (first.length === length) return first;
    // The chunk is borrowed: its bytes must be copied.
    const whole = Buffer.alloc(length);
    for (let done = first.copy(whole); done < length;) {
      done += (await this.piece(length - done)).copy(whole, done);
    }
    return whole;
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) left -= (await this.piece(left)).length;
  }

  /** Returns 1 to `length` bytes, as many as are available. Returns none only for a `length` of 0. */
  async piece(length: number): Promise<Buffer> {
    if (length > 0 && this.#chunk.length === 0 && !(await this.#fill())) {
      throw new TarError('it ends in the middle of an entry');
    }
    const piece = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(piece.length);
    return piece;
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #fill(): Promise<boolean> {
    for (;;) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      const { buffer, byteOffset, byteLength } = next.value;
      this.#passed += byteLength;
      if (this.#passed > this.#limit) {
        throw new TarError(`it is larger than ${this.#limit} bytes when decompressed`);
      }
      this.#chunk = Buffer.from(buffer, byteOffset, byteLength);
      if (byteLength > 0) return true;
    }
  }
}

/** A block of 512 bytes before an entry (POSIX ustar, GNU). */
export interface TarHeader {
  /** The character that identifies the kind of the entry. */
  readonly flag: string;
  readonly name: string;
  /** Bytes of content. */
  readonly size: number;
}

/** Throws TarError for a wrong checksum or number. */
export function tarHeader(block: Buffer): TarHeader {
  const sum = block.reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== number(block, 148, 8)) {
    throw new TarError('it is no tar, or damaged: a checksum in it is wrong');
  }
  const name = text(block, 0, 100);
  // GNU archives end the magic with a space, and use the field of the prefix for other data.
  const prefix = text(block, 257, 6) === 'ustar' ? text(block, 345, 155) : '';
  return {
    flag: String.fromCharCode(block[156] ?? 0),
    name: prefix === '' ? name : `${prefix}/${name}`,
    size: number(block, 124, 12),
  };
}

function text(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}

function number(block: Buffer, start: number, length: number): number {
  const value = fieldNumber(block.subarray(start, start + length));
  if (Number.isSafeInteger(value)) return value;
  throw new TarError('a header in it has a damaged number');
}

/** Returns NaN for a form that tar does not read, or reads in another way. */
function fieldNumber(field: Buffer): number {
  const [first = 0] = field;
  // GNU's form for sizes of 8 GiB and more: the field is one big-endian number. With other bits set, the number is
  // huge or negative.
  if (first === 0x80) return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
  // GNU tar skips one NUL at the start; other programs treat the field as empty.
  if (first === 0 && field.some((byte) => byte !== 0)) return Number.NaN;
  const digits = text(field, 0, field.length).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : Number.NaN;
}

/**
 * Reads the records of a pax header: `length key=value\n`, repeated (POSIX pax, "pax Header Block"). The length is
 * that of the whole record, in bytes. A value may have any bytes, line breaks too. A later record of a key
 * replaces an earlier one. Throws TarError where tar would skip a record or stop at it.
 */
export function paxRecords(bytes: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const digits = /^(\d{1,5}) /.exec(bytes.toString('latin1', at, at + 6))?.[1] ?? '';
    const end = at + Number(digits);
    const start = at + digits.length + 1;
    if (digits === '' || end <= start || end > bytes.length || bytes[end - 1] !== 0x0a) {
      throw new TarError('an extended header in it is damaged');
    }
    const record = bytes.toString('utf8', start, end - 1);
    const equals = record.indexOf('=');
    if (equals < 1) throw new TarError('an extended header in it is damaged');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

/** Returns whether the records mark a sparse file. The archive then has only parts of such a file's content. */
export function isSparse(records: ReadonlyMap<string, string>): boolean {
  return [...records.keys()].some((key) => key.startsWith('GNU.sparse.'));
}

/** The entry's name in the records, chosen as GNU tar chooses it. */
export function paxName(records: ReadonlyMap<string, string>): string | undefined {
  const name = records.get('GNU.sparse.name') ?? records.get('path');
  if (name?.includes('\0') === true) throw new TarError('a name in it has a NUL');
  return name;
}

/** Bytes of the entry's content in the archive. */
export function paxSize(records: ReadonlyMap<string, string>): number | undefined {
  const digits = records.get('size');
  if (digits === undefined) return undefined;
  if (/^\d{1,15}$/.test(digits)) return Number(digits);
  throw new TarError('a header in it has a damaged number');
}
