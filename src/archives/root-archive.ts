import type { BorrowedChunks } from '../bytes/borrowed-chunks.ts';
import { decompressed, type Compression } from './compression.ts';
import { METADATA_FILE, UNIFIED_DISK } from './image-archive.ts';
import { imageFault } from './image-error.ts';
import { peekTar } from './peek.ts';
import { TarError, tarEntries } from './tar-reader.ts';

/** The entries of archives that hold metadata alone. */
const METADATA_NAMES = new Set([METADATA_FILE, 'templates']);
/** More than any archive of metadata has. */
const ENTRIES = 10_000;

/**
 * Looks into an archive that is said to be the tree of a root file system, as far as is needed to see that it is
 * neither metadata nor a whole image. Resolves to all of the archive. ImageError `unusable` when it is one of
 * these, or damaged; an archive that cannot be decompressed here passes, because clients may be able to.
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
    const rest = METADATA_NAMES.has(top);
    if (!rest && !(seen.has(METADATA_FILE) && (top === 'rootfs' || path === UNIFIED_DISK))) return;
    seen.add(top);
    if (!rest) throw new TarError('it is a whole image, with metadata of its own');
  }
  throw new TarError(
    seen.has(METADATA_FILE)
      ? 'it is metadata, and no root file system'
      : 'there is no root file system in it',
  );
}
