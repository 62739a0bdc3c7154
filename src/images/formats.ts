import { plainTarFault, qcow2Fault, squashfsFault, xzFault, type FileEnds } from './whole-file.ts';

export type Compression = 'none' | 'gzip' | 'xz' | 'zstd';

/** How the bytes of one format begin, and how a complete file is recognised. */
interface Format {
  /** A description for people, with its article. */
  readonly described: string;
  /** The position of the magic number, and the magic number in hexadecimal. */
  readonly magic: { readonly at: number; readonly hex: string };
  /** How many of the first bytes `fault` needs. */
  readonly headLength: number;
  /** Returns how a file of this format is truncated; undefined if it can be complete. */
  readonly fault: (ends: FileEnds) => string | undefined;
}

/** File systems and disks. The first bytes are enough to recognise such a file as a root. */
const FILE_SYSTEMS = {
  squashfs: {
    described: 'a squashfs',
    magic: { at: 0, hex: '68737173' },
    headLength: 96,
    fault: squashfsFault,
  },
  qcow2: {
    described: 'a qcow2 disk',
    magic: { at: 0, hex: '514649fb' },
    headLength: 72,
    fault: qcow2Fault,
  },
} as const satisfies Record<string, Format>;

type FileSystem = keyof typeof FILE_SYSTEMS;

/** A root is a file system, a disk, or an archive of its files. */
export type RootFormat = FileSystem | 'tar';

/**
 * Archives contain metadata, a root, or both: only their content shows which. gzip and zstd have no footer to
 * check.
 */
const ARCHIVES: Readonly<Record<Compression, Omit<Format, 'described' | 'headLength'>>> = {
  gzip: { magic: { at: 0, hex: '1f8b' }, fault: () => undefined },
  xz: { magic: { at: 0, hex: 'fd377a585a00' }, fault: xzFault },
  zstd: { magic: { at: 0, hex: '28b52ffd' }, fault: () => undefined },
  // POSIX and GNU archives both have "ustar" at this position.
  none: { magic: { at: 257, hex: '7573746172' }, fault: plainTarFault },
};

/** Compressions that clients can read and this program cannot. */
const CLOSED = {
  bzip2: '425a68',
  lzma: '5d0000',
  lz4: '04224d18',
} as const;

/**
 * The kind of a file, from its first bytes. LXD and Incus check the same bytes and ignore the name
 * (shared/archive `DetectCompressionFile`). So a file may have another compression than its name says.
 */
export type Signature =
  | { readonly kind: 'root'; readonly format: FileSystem }
  | { readonly kind: 'tar'; readonly compression: Compression }
  | { readonly kind: 'closed'; readonly name: string }
  | { readonly kind: 'unknown' };

type Row = Pick<Format, 'magic'> & Partial<Format> & { readonly signature: Signature };

const ROWS: readonly Row[] = [
  ...entriesOf(FILE_SYSTEMS).map(([format, row]): Row => {
    return { ...row, signature: { kind: 'root', format } };
  }),
  ...entriesOf(ARCHIVES).map(([compression, row]): Row => {
    return { ...row, signature: { kind: 'tar', compression } };
  }),
  ...entriesOf(CLOSED).map(([name, hex]): Row => {
    return { magic: { at: 0, hex }, signature: { kind: 'closed', name } };
  }),
];

/** How many of a file's first bytes `sniff` and `truncation` need. */
export const HEAD_LENGTH = Math.max(512, ...ROWS.map(({ headLength = 0 }) => headLength));

/** Recognises a file by its first `HEAD_LENGTH` bytes (fewer only if the file is shorter). */
export function sniff(head: Uint8Array): Signature {
  return rowOf(head)?.signature ?? { kind: 'unknown' };
}

/**
 * Returns how a file is truncated, as far as its ends show it; undefined if it can be complete. A file of an
 * unknown format can be complete. Only a test calls this now; indexing shall call it later.
 *
 * @public
 */
export function truncation(ends: FileEnds): string | undefined {
  const { headLength = 0, fault } = rowOf(ends.head) ?? {};
  return ends.head.length < headLength ? 'it ends within its header' : fault?.(ends);
}

/** Describes a file for people. */
export function described(signature: Signature): string {
  switch (signature.kind) {
    case 'root':
      return FILE_SYSTEMS[signature.format].described;
    case 'tar':
      return 'a tar';
    case 'closed':
      return `compressed by ${signature.name}, which cannot be looked into`;
    case 'unknown':
      return 'of no kind that an image is made of';
  }
}

/** Returns the format of a root with this signature; undefined if this program cannot read it as a root. */
export function rootFormat(signature: Signature): RootFormat | undefined {
  if (signature.kind === 'root') return signature.format;
  return signature.kind === 'tar' ? 'tar' : undefined;
}

const TAR = 'tar (plain, gzip, xz or zstd)';

/** All formats of a root, for people. */
export const ROOT_FORMATS = `${Object.values(FILE_SYSTEMS)
  .map((format) => format.described)
  .join(', ')} or a ${TAR}`;

/** The phrase "no A, no B …" with all formats that `sniff` recognises, for people. */
export const NO_FORMAT = `${Object.keys(FILE_SYSTEMS)
  .map((name) => `no ${name}`)
  .join(', ')} and no ${TAR}`;

function rowOf(head: Uint8Array): Row | undefined {
  const hex = Buffer.from(head.subarray(0, HEAD_LENGTH)).toString('hex');
  return ROWS.find(({ magic }) => hex.startsWith(magic.hex, magic.at * 2));
}

function entriesOf<Name extends string, Value>(
  record: Readonly<Record<Name, Value>>,
): [Name, Value][] {
  // Object.entries loses the type of the names.
  return Object.entries(record) as [Name, Value][];
}
