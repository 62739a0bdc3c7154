import { TarError } from './tar-error.ts';

/** A block of 512 bytes before an entry (POSIX ustar, GNU). */
export interface TarHeader {
  /** The character that says what the entry is. */
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
  // GNU's archives end the magic with a space, and have other things in the prefix's place.
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

/** NaN for a form that tar does not read, or reads in another way. */
function fieldNumber(field: Buffer): number {
  const [first = 0] = field;
  // GNU's form for sizes of 8 GiB and more: the field is one big-endian number. Other bits: huge or negative.
  if (first === 0x80) return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
  // GNU tar skips one NUL in front; others take the field for an empty one.
  if (first === 0 && field.some((byte) => byte !== 0)) return Number.NaN;
  const digits = text(field, 0, field.length).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : Number.NaN;
}
