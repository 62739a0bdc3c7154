import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The bytes of a split image that no program parses; only its digests matter here. */
export interface ImageBytes {
  readonly metadata: Buffer;
  readonly root: Buffer;
  /** sha256(metadata ‖ root). */
  readonly fingerprint: string;
}

export function randomImage(rootSize = 50_000): ImageBytes {
  const [metadata, root] = [randomBytes(500), randomBytes(rootSize)];
  return { metadata, root, fingerprint: sha256(metadata, root) };
}

/** Writes a version's files below a store's directory in `order`, as a plain copy does. */
export async function placeImage(
  directory: string,
  version: string,
  image: ImageBytes,
  order: readonly ('metadata' | 'root')[] = ['metadata', 'root'],
): Promise<string> {
  const folder = join(directory, 'images', version);
  await mkdir(folder, { recursive: true });
  for (const part of order) {
    await writeFile(join(folder, part === 'root' ? 'rootfs.squashfs' : 'lxd.tar.xz'), image[part]);
  }
  return folder;
}

export function sha256(...parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
