import { crc32 } from 'node:zlib';

/** The largest chunk. */
const CHUNK = 65_536;
/** Streams that are checked by CRC-32. */
const FLAGS = Buffer.from([0, 1]);

/**
 * An .xz file of `bytes`, made without xz: one block of uncompressed LZMA2 chunks
 * (tukaani.org/xz/xz-file-format.txt; the chunks are those of xz's lzma2_encoder.c). It is a little
 * longer than its content.
 */
export function xzFile(bytes: Uint8Array): Buffer {
  // One filter, LZMA2 with a dictionary of 64 KiB, padded to 8 bytes, and the checksum.
  const blockHeader = summed(Buffer.from([2, 0, 0x21, 1, 8, 0, 0, 0]));
  const data = lzma2(bytes);
  const check = uint32(crc32(bytes));
  const sizes = [blockHeader.length + data.length + check.length, bytes.byteLength];
  const index = summed(padded(Buffer.from([0, 1, ...sizes.flatMap(variable)])));
  return Buffer.concat([
    Buffer.from([0xfd, ...Buffer.from('7zXZ'), 0]),
    summed(FLAGS),
    blockHeader,
    padded(data),
    check,
    index,
    footer(index.length),
  ]);
}

function lzma2(bytes: Uint8Array): Buffer {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; at += CHUNK) {
    const chunk = bytes.subarray(at, at + CHUNK);
    const head = Buffer.alloc(3);
    // The first chunk resets the dictionary.
    head[0] = at === 0 ? 1 : 2;
    head.writeUInt16BE(chunk.byteLength - 1, 1);
    chunks.push(head, chunk);
  }
  return Buffer.concat([...chunks, Buffer.alloc(1)]);
}

function footer(indexLength: number): Buffer {
  const body = Buffer.concat([uint32(indexLength / 4 - 1), FLAGS]);
  return Buffer.concat([uint32(crc32(body)), body, Buffer.from('YZ')]);
}

function summed(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, uint32(crc32(bytes))]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Seven bits a byte, the lowest first; all bytes but the last have the highest bit. */
function variable(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...variable(Math.floor(value / 128))];
}
