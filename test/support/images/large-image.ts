import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { buildBusyboxImage } from './busybox-image.ts';
import { METADATA_YAML, tarArchive } from './tar-archive.ts';

export type LargeForm = 'split' | 'unified';

/**
 * Makes an image that does not compress, with a root of `gib` GiB. Gives its files, metadata first.
 * LXD unpacks nothing at an import.
 */
export async function makeLargeImage(
  folder: string,
  form: LargeForm,
  gib: number,
): Promise<string[]> {
  const root = join(folder, `${form}-root`);
  if (form === 'split') {
    const built = join(folder, 'metadata');
    await buildBusyboxImage(built, 'large', ['lxd.tar.xz']);
    // The first bytes are those of a squashfs.
    await fillFile(root, gib, Buffer.from('hsqs'));
    return [join(built, 'lxd.tar.xz'), root];
  }
  const entries = (size: number) => [
    { path: 'metadata.yaml', content: METADATA_YAML },
    { path: 'rootfs/' },
    { path: 'rootfs/file', size },
  ];
  const end = Buffer.alloc(1024);
  const around = tarArchive(entries(0)).byteLength;
  const whole = tarArchive(entries(gib * 2 ** 30 - around));
  await fillFile(root, gib, whole.subarray(0, -end.byteLength), end);
  return [root];
}

async function fillFile(
  path: string,
  gib: number,
  head: Uint8Array,
  tail = Buffer.alloc(0),
): Promise<void> {
  await using file = await open(path, 'w');
  const block = randomBytes(2 ** 20);
  for (let n = 0; n < gib * 1024; n++) {
    block.writeUInt32LE(n, 512);
    await file.write(block);
  }
  await file.write(head, 0, head.byteLength, 0);
  await file.write(tail, 0, tail.byteLength, gib * 2 ** 30 - tail.byteLength);
}
