/** One entry for `tarArchive`. A path that ends with a slash is a folder. */
export interface ArchiveEntry {
  readonly path: string;
  readonly content?: string | Uint8Array;
  /** The type flag of the header: `2` for a symlink. */
  readonly type?: string;
  readonly link?: string;
  /** The size in the header, where it differs from the content's length. */
  readonly size?: number;
}

/** An uncompressed ustar archive, made without tar. */
export function tarArchive(entries: readonly ArchiveEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? '');
    const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
    return [header(entry, content.length), content, padding];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

function header({ path, type, link = '', size }: ArchiveEntry, length: number): Buffer {
  const block = Buffer.alloc(512);
  block.write(path, 0, 100);
  block.write('0000644\0' + '0000000\0' + '0000000\0', 100);
  block.write((size ?? length).toString(8).padStart(11, '0') + '\0', 124);
  block.write('14500000000\0', 136);
  block.write('        ', 148);
  block.write(type ?? (path.endsWith('/') ? '5' : '0'), 156);
  block.write(link, 157, 100);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(sum.toString(8).padStart(6, '0') + '\0 ', 148);
  return block;
}

/** The content that LXD and Incus expect in a metadata archive. */
export const METADATA_YAML = `architecture: x86_64
creation_date: 1700000000
properties:
  os: Busybox
  release: static
  architecture: amd64
`;
