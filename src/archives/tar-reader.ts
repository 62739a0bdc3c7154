import { borrowed, type BorrowedChunks } from '../bytes/borrowed-chunks.ts';
import {
  BlockReader,
  isSparse,
  paxName,
  paxRecords,
  paxSize,
  tarHeader,
  type TarHeader,
} from './tar-blocks.ts';
import { TarError } from './tar-error.ts';

export { TarError } from './tar-error.ts';

export interface TarEntry {
  /** As stored, without leading `./` and trailing `/`; empty for the root folder itself. */
  readonly path: string;
  /** Sparse files are `other`: the archive has only parts of their content. */
  readonly type: 'file' | 'folder' | 'symlink' | 'hardlink' | 'other';
  /** Bytes of content. */
  readonly size: number;
  /**
   * Returns the whole content, valid until the next entry is requested. TarError when it is longer than `limit`
   * bytes.
   */
  read(limit: number): Promise<Buffer>;
  /** The content in pieces. Use either this or `read`. */
  content(): BorrowedChunks;
}

export interface TarLimits {
  /** Bytes of the uncompressed archive. */
  readonly bytes: number;
  readonly entries: number;
}

const BLOCK = 512;
/** The most bytes of a long name or a pax header. Linux paths end at 4096. */
const HEADER_LIMIT = 64 * 1024;
const KINDS: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '5': 'folder',
};
/** Links, devices, folders and pipes: they have no content. */
const BODYLESS = '123456';
/** Headers that describe the next entry. `X` is the name that Solaris uses for `x`. */
const EXTENSIONS = 'LKxX';

/** The headers before an entry that describe it. */
interface Extensions {
  readonly flags: string;
  readonly longName?: string;
  readonly records?: ReadonlyMap<string, string>;
}

/**
 * Yields the entries of an uncompressed tar (POSIX ustar, pax, GNU), one at a time, in bounded memory. It creates
 * no files, so names and links in the archive are harmless here. It rejects an archive that GNU tar reads in
 * another way, or that readers disagree about, because clients unpack it with another program.
 */
export async function* tarEntries(
  body: BorrowedChunks,
  limits: TarLimits,
): AsyncGenerator<TarEntry, void, undefined> {
  const input = new BlockReader(body, limits.bytes);
  try {
    let extensions: Extensions = { flags: '' };
    for (let count = 0; ;) {
      const block = await input.take(BLOCK);
      if (block === undefined || block.every((byte) => byte === 0)) return;
      const header = tarHeader(block);
      const mapped = header.flag === 'S' && block[482] !== 0;
      if (EXTENSIONS.includes(header.flag)) {
        extensions = extended(extensions, header.flag, await headerContent(input, header));
        continue;
      }
      count += 1;
      if (count > limits.entries) throw new TarError(`it has more than ${limits.entries} entries`);
      if (header.flag === 'g') {
        checkGlobal(await headerContent(input, header));
        continue;
      }
      if (mapped) await skipSparseMap(input);
      const entry = described(header, extensions);
      const { size } = entry;
      let left = Math.ceil(size / BLOCK) * BLOCK;
      yield {
        ...entry,
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
      extensions = { flags: '' };
      await input.skip(left);
    }
  } finally {
    await input.close();
  }
}

async function headerContent(input: BlockReader, { size }: TarHeader): Promise<Buffer> {
  if (size > HEADER_LIMIT) throw new TarError('a header in it is larger than 64 KiB');
  return (await input.need(Math.ceil(size / BLOCK) * BLOCK)).subarray(0, size);
}

function extended(before: Extensions, flag: string, content: Buffer): Extensions {
  if (before.flags.includes(flag)) throw new TarError('an entry in it has two headers of a kind');
  const flags = before.flags + flag;
  if (flag === 'K') return { ...before, flags };
  if (flag === 'L') {
    return { ...before, flags, longName: content.toString('utf8').replace(/\0.*$/s, '') };
  }
  if (before.records) throw new TarError('an entry in it has two headers of a kind');
  return { ...before, flags, records: paxRecords(content) };
}

/** Checks a header that applies to all later entries. Archivers store comments there. */
function checkGlobal(content: Buffer): void {
  const records = paxRecords(content);
  if (isSparse(records) || records.has('path') || records.has('size')) {
    throw new TarError('a header in it names all that follows, or gives it a size');
  }
}

function described(
  header: TarHeader,
  { longName, records = new Map<string, string>() }: Extensions,
): Pick<TarEntry, 'path' | 'type' | 'size'> {
  const named = paxName(records);
  if (named !== undefined && longName !== undefined) {
    throw new TarError('an entry in it has two names');
  }
  const name = named ?? longName ?? header.name;
  const size = paxSize(records) ?? header.size;
  let type = isSparse(records) ? 'other' : (KINDS[header.flag] ?? 'other');
  // Old archives have no flag for folders; their names end with a slash.
  if (type === 'file' && name.endsWith('/')) type = 'folder';
  if (size > 0 && (type === 'folder' || BODYLESS.includes(header.flag))) {
    throw new TarError('a link, folder or device in it has content');
  }
  return { path: tidy(name), type, size };
}

/** Skips the sparse map of GNU: further map blocks follow the header while a flag in each block is set. */
async function skipSparseMap(input: BlockReader): Promise<void> {
  while ((await input.need(BLOCK))[504] !== 0);
}

function tidy(path: string): string {
  return path
    .replace(/^(\.\/+)+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '');
}
