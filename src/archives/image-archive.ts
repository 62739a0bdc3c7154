import { oneChunk, type Chunks } from '../bytes/borrowed-chunks.ts';
import { described, sniff } from '../images/formats.ts';
import { decompressed, type Compression } from './compression.ts';
import { ImageError } from './image-error.ts';
import { parseImageMetadata, type ImageMetadata } from './image-metadata.ts';
import { TarError, tarEntries, type TarEntry } from './tar-reader.ts';

/** The kinds of archives that LXD and Incus distinguish. */
export type TarContents =
  | { readonly kind: 'metadata'; readonly metadata: string }
  /** Metadata and a root below `rootfs/`, in one archive. */
  | { readonly kind: 'unified'; readonly metadata: string }
  /** Metadata and the disk of a virtual machine, in one archive. */
  | { readonly kind: 'machine'; readonly metadata: string }
  /** The tree of a root file system. */
  | { readonly kind: 'root' };

export const METADATA_FILE = 'metadata.yaml';
/** The path of the disk in a virtual machine's image of one file. */
export const UNIFIED_DISK = 'rootfs.img';
/**
 * Bytes of an image's metadata file as stored. It is in memory while the root is read; real ones are a few
 * kilobytes.
 */
export const METADATA_SIZE_LIMIT = 16 * 1024 * 1024;
const METADATA_LIMIT = 1024 * 1024;
/** Real metadata archives have a few small templates. These limits stop a decompression bomb early. */
const LIMITS = { bytes: 64 * 1024 * 1024, entries: 10_000 };
/** Archives with a root have no size limit; this only stops an endless stream. */
export const ROOT_LIMITS = { bytes: 2 ** 40, entries: 20_000_000 };
export const DISK_BEFORE_METADATA = `its ${UNIFIED_DISK} comes before its ${METADATA_FILE}, so the disk cannot be identified while it is read; pack it with ${METADATA_FILE} first`;
export const ROOT_AND_DISK = `it has both a rootfs/ and a ${UNIFIED_DISK}: it must be a container or a virtual machine`;
/** Top-level folders of a Linux root file system. Every root has some of them. */
const ROOT_FOLDERS = new Set(['bin', 'dev', 'etc', 'lib', 'proc', 'sbin', 'sys', 'usr', 'var']);

export interface LookOptions {
  /** Decompressed bytes. */
  readonly limit?: number;
  /** The whole archive is local; no slow sender is involved. */
  readonly held?: boolean;
}

/**
 * Reads an archive until its kind is clear, at most `limit` decompressed bytes. Unpacks nothing. Rejects with
 * TarError or CompressionError when the archive has none of these kinds, or is not safe to unpack.
 */
export async function tarContents(
  body: Chunks,
  compression: Compression,
  { limit = ROOT_LIMITS.bytes, held = false }: LookOptions = {},
): Promise<TarContents> {
  const limits = { ...ROOT_LIMITS, bytes: limit };
  const seen = { count: 0, bytes: 0, rootfs: false, tree: false };
  let metadata: string | undefined;
  for await (const entry of tarEntries(decompressed(body, compression, { held }), limits)) {
    const [top = ''] = entry.path.split('/', 1);
    if (entry.path === METADATA_FILE) metadata = await metadataText(entry);
    else if (top === 'rootfs') seen.rootfs = true;
    else if (ROOT_FOLDERS.has(top)) seen.tree = true;
    if (entry.path === UNIFIED_DISK && seen.rootfs) throw new TarError(ROOT_AND_DISK);
    if (metadata !== undefined && seen.rootfs) return { kind: 'unified', metadata };
    if (seen.rootfs) continue;
    if (entry.path === UNIFIED_DISK) {
      if (metadata === undefined) throw new TarError(DISK_BEFORE_METADATA);
      return { kind: 'machine', metadata };
    }
    // Every known tool writes the metadata first, so a root tree without metadata before it is a root.
    if (seen.tree && metadata === undefined) return { kind: 'root' };
    checkPlain(entry);
    seen.count += 1;
    seen.bytes += entry.size;
    if (seen.count > LIMITS.entries) {
      throw new TarError(
        `it has more than ${LIMITS.entries} entries and no rootfs/ or ${UNIFIED_DISK} among them`,
      );
    }
    if (seen.bytes > LIMITS.bytes) {
      throw new TarError(
        `it holds more than ${LIMITS.bytes} bytes and no rootfs/ or ${UNIFIED_DISK} among them`,
      );
    }
  }
  if (metadata !== undefined) return { kind: 'metadata', metadata };
  throw new TarError(
    seen.rootfs
      ? `it has a rootfs/ and no ${METADATA_FILE}`
      : `it has no ${METADATA_FILE}, no rootfs/ and no root file system`,
  );
}

async function metadataText(entry: TarEntry): Promise<string> {
  if (entry.type !== 'file') throw new TarError(`its ${METADATA_FILE} is a ${entry.type}`);
  return (await entry.read(METADATA_LIMIT)).toString('utf8');
}

/**
 * Rejects links and special files: clients unpack metadata next to the image's root, so a link could point
 * anywhere.
 */
export function checkPlain({ path, type }: TarEntry): void {
  const shown = JSON.stringify(path.slice(0, 200));
  if (path.startsWith('/') || path.split('/').includes('..')) {
    throw new TarError(`its entry ${shown} leads out of it`);
  }
  if (type === 'file' || type === 'folder') return;
  throw new TarError(
    `its entry ${shown} is ${type === 'other' ? 'a special file' : `a ${type}`}; metadata holds files and folders only`,
  );
}

/**
 * Reads an archive that has only metadata. Throws ImageError when it is something else, MetadataError for a bad
 * metadata.yaml, and the errors of `tarContents`.
 */
export async function readMetadataFile(file: Buffer): Promise<ImageMetadata> {
  const found = sniff(file);
  if (found.kind !== 'tar') {
    throw new ImageError(
      'unusable',
      `the metadata is ${described(found)}, where a tar with a metadata.yaml is expected; are metadata and root swapped?`,
    );
  }
  const contents = await tarContents(oneChunk(file), found.compression, { held: true });
  if (contents.kind === 'metadata') return parseImageMetadata(contents.metadata);
  throw new ImageError(
    'unusable',
    `the metadata's archive holds ${ALIEN[contents.kind]}; are metadata and root swapped?`,
  );
}

const ALIEN = {
  root: 'a root and no metadata.yaml',
  unified: 'a rootfs/ too',
  machine: 'a rootfs.img too',
} as const;
