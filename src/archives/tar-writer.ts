/** A file or folder of an archive, small enough for memory. */
export interface PackedEntry {
  /** Without a leading or trailing slash. */
  readonly path: string;
  /** Absent for a folder. */
  readonly content?: Buffer;
}

const BLOCK = 512;
const NAME_LENGTH = 100;

/**
 * Returns an uncompressed tar (ustar, with pax headers for long names). Equal entries must give equal bytes in
 * every release: fingerprints of virtual machines are digests of them.
 */
export function packTar(entries: readonly PackedEntry[]): Buffer {
  const blocks = entries.flatMap(({ path, content }) => {
    const name = content ? path : `${path}/`;
    const body = content ?? Buffer.alloc(0);
    return [...longName(name), header(name, content ? '0' : '5', body.length), padded(body)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function longName(name: string): Buffer[] {
  if (Buffer.byteLength(name) <= NAME_LENGTH) return [];
  const record = paxRecord('path', name);
  return [header('pax', 'x', record.length), padded(record)];
}

/** `length key=value\n`. The length includes its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (length !== Buffer.byteLength(`${length}${rest}`)) {
    length = Buffer.byteLength(`${length}${rest}`);
  }
  return Buffer.from(`${length}${rest}`);
}

function header(name: string, type: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, NAME_LENGTH);
  block.write(type === '5' ? '0000755\0' : '0000644\0', 100);
  block.write('0000000\0'.repeat(2), 108);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write(`${'0'.repeat(11)}\0`, 136);
  block.fill(' ', 148, 156);
  block.write(type, 156);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}
