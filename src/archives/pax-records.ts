import { TarError } from './tar-error.ts';

/**
 * Reads the records of a pax header: `length key=value\n`, repeated, where the length counts its whole record in
 * bytes (POSIX pax, "pax Header Block"). A value may hold anything, line breaks too. A later record of a key
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

/** Returns whether records make an entry a sparse file, whose content in the archive is not the file's. */
export function isSparse(records: ReadonlyMap<string, string>): boolean {
  return [...records.keys()].some((key) => key.startsWith('GNU.sparse.'));
}

/** The name that records give an entry, as GNU tar chooses it. */
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
