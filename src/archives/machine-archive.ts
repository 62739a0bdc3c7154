import {
  beforeEnd,
  borrowed,
  lend,
  type BorrowedChunks,
  type Chunks,
} from '../bytes/borrowed-chunks.ts';
import { rootFormat } from '../images/formats.ts';
import { decompressed, peekSignature, type Compression } from './compression.ts';
import { packTar, type PackedEntry } from './tar-writer.ts';
import {
  checkPlain,
  DISK_BEFORE_METADATA,
  METADATA_FILE,
  METADATA_SIZE_LIMIT,
  ROOT_AND_DISK,
  ROOT_LIMITS,
  UNIFIED_DISK,
} from './image-archive.ts';
import { TarError, tarEntries, type TarEntry } from './tar-reader.ts';

/**
 * A virtual machine's image in one archive. LXD and Incus treat every one-file image of a simplestreams server as
 * a container. So it is published as two files: its metadata and its disk.
 */
export interface MachineArchive {
  /** Bytes of the disk. */
  readonly diskSize: number;
  /**
   * The disk, while the archive is read. The stream ends only after the rest of the archive was read too, and was
   * valid.
   */
  disk(): BorrowedChunks;
  /** An archive of all other entries that were read so far. */
  metadataFile(): Buffer;
  /** Closes the body. Call it at the end, and after a failure. */
  close(): void;
}

/** The most bytes of headers that an entry needs when it is packed, without its name. */
const HEADERS = 2048;
/** Archivers fill up their last block. More data than this after the end makes the archive invalid. */
const PADDING_LIMIT = 16 * 1024 * 1024;

/** Reads an archive up to its disk. Rejects with TarError, CompressionError or the body's own error. */
export async function openMachineArchive(
  body: Chunks,
  compression: Compression,
): Promise<MachineArchive> {
  const source = lend(body);
  const plain = lend(decompressed(unclosed(source), compression));
  const entries = tarEntries(unclosed(plain), ROOT_LIMITS);
  const close = () => {
    // Not awaited: a generator that waits for a slow body returns only after its next chunk.
    for (const part of [entries, plain, source]) void part.return?.().catch(() => undefined);
  };
  try {
    const sidecars = new SidecarFiles();
    for (;;) {
      const next = await entries.next();
      if (next.done === true) throw new TarError(`it has no ${UNIFIED_DISK}`);
      if (next.value.path !== UNIFIED_DISK) {
        await sidecars.keep(next.value);
        continue;
      }
      if (!sidecars.has(METADATA_FILE)) throw new TarError(DISK_BEFORE_METADATA);
      const { size: diskSize, type } = next.value;
      if (type !== 'file') throw new TarError(`its ${UNIFIED_DISK} is no plain file`);
      const { found, body: content } = await peekSignature(next.value.content());
      if (rootFormat(found) !== 'qcow2') throw new TarError(`its ${UNIFIED_DISK} is no qcow2 disk`);
      return {
        diskSize,
        close,
        disk: () =>
          beforeEnd(content, async () => {
            for await (const entry of entries) await sidecars.keep(entry);
            await readPadding(plain);
            while ((await source.next()).done !== true);
          }),
        metadataFile: () => packTar(sidecars.entries),
      };
    }
  } catch (error) {
    close();
    throw error;
  }
}

/** Reads the rest of the decompressed data: the decompressor checks its checksums at the end. */
async function readPadding(plain: AsyncIterator<Uint8Array>): Promise<void> {
  for (let length = 0; ;) {
    const next = await plain.next();
    if (next.done === true) return;
    length += next.value.byteLength;
    if (length > PADDING_LIMIT) throw new TarError('it goes on after its end');
  }
}

/** Wraps the iterator so that `return()` does not close the source. */
function unclosed(source: AsyncIterator<Uint8Array>): BorrowedChunks {
  return borrowed({ [Symbol.asyncIterator]: () => ({ next: () => source.next() }) });
}

/** All entries except the disk, in memory. */
class SidecarFiles {
  readonly entries: PackedEntry[] = [];
  readonly #files = new Set<string>();
  #bytes = 0;

  has(file: string): boolean {
    return this.#files.has(file);
  }

  async keep(entry: TarEntry): Promise<void> {
    const { path, type, size } = entry;
    if (path === 'rootfs' || path.startsWith('rootfs/')) throw new TarError(ROOT_AND_DISK);
    checkPlain(entry);
    this.#bytes += HEADERS + path.length + size;
    if (this.#bytes > METADATA_SIZE_LIMIT) {
      throw new TarError(
        `it holds more than ${METADATA_SIZE_LIMIT} bytes beside its ${UNIFIED_DISK}`,
      );
    }
    if (path === '') return;
    if (type === 'folder') {
      this.entries.push({ path });
      return;
    }
    if (path === UNIFIED_DISK || this.#files.has(path)) {
      throw new TarError(`it has ${JSON.stringify(path.slice(0, 200))} twice`);
    }
    this.#files.add(path);
    // `read` may return borrowed memory.
    this.entries.push({ path, content: Buffer.from(await entry.read(size)) });
  }
}
