/** The beginning, length and end of a file. They are enough to detect most truncated files. */
export interface FileEnds {
  /** The first `HEAD_LENGTH` bytes; fewer only if the file is shorter. */
  readonly head: Uint8Array;
  /** The size of the whole file in bytes. */
  readonly size: number;
  /** The last `TAIL_LENGTH` bytes; fewer only if the file is shorter. */
  readonly tail: Uint8Array;
}

/** How many of a file's last bytes the tests below need. */
export const TAIL_LENGTH = 512;

// Each test gets the whole header. It returns why a file of its format cannot be complete; undefined if it can.

/** Checks `bytes_used` of the superblock (fs/squashfs/squashfs_fs.h). Padding may follow. */
export function squashfsFault({ head, size }: FileEnds): string | undefined {
  return endsBefore(viewOf(head).getBigUint64(40, true), size);
}

/**
 * Checks the tables that the header names (docs/interop/qcow2.rst of QEMU). No field says where the last cluster
 * ends, so a disk that is truncated after its tables passes.
 */
export function qcow2Fault({ head, size }: FileEnds): string | undefined {
  const view = viewOf(head);
  const l1Bytes = BigInt(view.getUint32(36)) * 8n;
  const l1End = l1Bytes === 0n ? 0n : view.getBigUint64(40) + l1Bytes;
  const refcounts = view.getBigUint64(48) + 1n;
  return endsBefore(l1End > refcounts ? l1End : refcounts, size);
}

/** Checks the footer of the last stream ("The .xz File Format", 2.1.2). Padding of zeros may follow it. */
export function xzFault({ size, tail }: FileEnds): string | undefined {
  const last = tail.findLastIndex((byte) => byte !== 0);
  if (last < 0 && tail.length === TAIL_LENGTH) return undefined;
  const hasFooter = tail[last - 1] === 0x59 && tail[last] === 0x5a;
  return hasFooter && size % 4 === 0 ? undefined : 'it has no xz footer at its end';
}

/** Checks the last block: an archive has whole blocks and ends with zeros (POSIX, `pax`). */
export function plainTarFault({ size, tail }: FileEnds): string | undefined {
  const whole = size % 512 === 0 && tail.slice(-512).every((byte) => byte === 0);
  return whole ? undefined : 'it has no end-of-archive block at its end';
}

function endsBefore(needed: bigint, size: number): string | undefined {
  return needed > BigInt(size)
    ? `it needs ${needed} bytes by its header and has ${size}`
    : undefined;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
