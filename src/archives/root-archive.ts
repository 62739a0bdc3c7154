import type { BorrowedChunks } from '../bytes/borrowed-chunks.ts';
import { decompressed, type Compression } from './compression.ts';
import { METADATA_FILE, UNIFIED_DISK } from './image-archive.ts';
import { imageFault } from './image-error.ts';
import { peekTar } from './peek.ts';
import { TarError, tarEntries } from './tar-reader.ts';

/** Top-level names of archives that have only metadata. */
const METADATA_NAMES = new Set([METADATA_FILE, 'templates']);
/** No metadata archive has this many entries. */
const ENTRIES = 10_000;

/**
 * Checks that an archive is the tree of a root file system, and neither metadata nor a whole image. Reads as
 * little of it as possible. Resolves to the whole archive. Throws ImageError `unusable` when the check fails or
 * the archive is damaged. An archive that cannot be decompressed here is accepted, because clients may be able to.
 */
export async function checkedRootTar(
  root: BorrowedChunks,
  compression: Compression,
): Promise<BorrowedChunks> {
  const { found, body } = await peekTar(root, compression, async (...archive) => {
    try {
      await checkRootTar(...archive);
      return undefined;
    } catch (error) {
      const fault = imageFault(error, (reason) => `the root's archive cannot be used: ${reason}`);
      if (!fault) throw error;
      return fault;
    }
  });
  if (found?.code === 'unusable') throw found;
  return body;
}

async function checkRootTar(
  body: BorrowedChunks,
  compression: Compression,
  { limit }: { readonly limit: number },
): Promise<void> {
  const seen = new Set<string>();
  const limits = { bytes: limit, entries: ENTRIES };
  for await (const { path } of tarEntries(decompressed(body, compression), limits)) {
    const [top = ''] = path.split('/', 1);
    if (top === '') continue;
    const isMetadata = METADATA_NAMES.has(top);
    if (!isMetadata && !(seen.has(METADATA_FILE) && (top === 'rootfs' || path === UNIFIED_DISK)))
      return;
    seen.add(top);
    if (!isMetadata) throw new TarError('it is a whole image, with metadata of its own');
  }
  throw new TarError(
    seen.has(METADATA_FILE)
      ? 'it is metadata, and no root file system'
      : 'there is no root file system in it',
  );
}
