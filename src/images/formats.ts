import { plainTarFault, qcow2Fault, squashfsFault, xzFault, type FileEnds } from './whole-file.ts';

export type Compression = 'none' | 'gzip' | 'xz' | 'zstd';

/** How the bytes of one format begin, and what they must be to be whole. */
interface Format {
  /** For people, with its article. */
  readonly described: string;
  /** Where its magic number stands, and the magic number in hexadecimal. */
  readonly magic: { readonly at: number; readonly hex: string };
  /** How many of its first bytes tell that it is whole. */
  readonly headLength: number;
  /** Returns how a file of this format is cut short; undefined when it can be whole. */
  readonly fault: (ends: FileEnds) => string | undefined;
}

/** File systems and disks: each is a root by its first bytes alone. */
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

/** Archives hold metadata, a root, or both; a look inside tells. gzip and zstd have no footer to check. */
const ARCHIVES: Readonly<Record<Compression, Omit<Format, 'described' | 'headLength'>>> = {
  gzip: { magic: { at: 0, hex: '1f8b' }, fault: () => undefined },
  xz: { magic: { at: 0, hex: 'fd377a585a00' }, fault: xzFault },
  zstd: { magic: { at: 0, hex: '28b52ffd' }, fault: () => undefined },
  // POSIX and GNU archives alike have "ustar" there.
  none: { magic: { at: 257, hex: '7573746172' }, fault: plainTarFault },
};

/** Compressions that clients open and this program does not. */
const CLOSED = {
  bzip2: '425a68',
  lzma: '5d0000',
  lz4: '04224d18',
} as const;

/**
 * The kind of a file by its first bytes. LXD and Incus look at the same bytes and at no name
 * (shared/archive `DetectCompressionFile`), so a compression other than a name's is no fault.
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

/** Recognises a file by its first `HEAD_LENGTH` bytes (fewer only where the file is shorter). */
export function sniff(head: Uint8Array): Signature {
  return rowOf(head)?.signature ?? { kind: 'unknown' };
}

/**
 * Returns how a file is cut short, as far as its ends show it; undefined when it can be whole. A file of no
 * known format can be whole. Nothing asks it yet but a test: indexing shall.
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

/** The format of a root with this signature; undefined when it can be no root that this program reads. */
export function rootFormat(signature: Signature): RootFormat | undefined {
  if (signature.kind === 'root') return signature.format;
  return signature.kind === 'tar' ? 'tar' : undefined;
}

const TAR = 'tar (plain, gzip, xz or zstd)';

/** All that a root can be, for people. */
export const ROOT_FORMATS = `${Object.values(FILE_SYSTEMS)
  .map((format) => format.described)
  .join(', ')} or a ${TAR}`;

/** The names of all formats that `sniff` knows, each denied, for people. */
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
  // Object.entries forgets the names' type.
  return Object.entries(record) as [Name, Value][];
}
