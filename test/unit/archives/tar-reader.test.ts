import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';
import { packTar as packedByLibrary } from 'modern-tar';

import { borrowed } from '../../../src/bytes/borrowed-chunks.ts';
import { TarError, tarEntries } from '../../../src/archives/tar-reader.ts';
import { packTar } from '../../../src/archives/tar-writer.ts';

const LIMITS = { bytes: 2 ** 40, entries: 100 };

interface Header {
  readonly name?: string;
  readonly flag?: string;
  readonly size?: number;
  /** Content of the size field, where it is no plain number. */
  readonly sizeField?: Buffer;
  readonly magic?: string;
  /** Bytes that replace those at an offset. */
  readonly at?: readonly (readonly [number, Buffer])[];
}

function header({ name = 'a', flag = '0', size = 0, sizeField, magic, at = [] }: Header): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 100);
  block.write('0000644\0' + '0000000\0'.repeat(2), 100);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.write(flag, 156);
  block.write(magic ?? 'ustar\u000000', 257);
  for (const [offset, bytes] of [...at, ...(sizeField ? [[124, sizeField] as const] : [])]) {
    bytes.copy(block, offset);
  }
  block.fill(' ', 148, 156);
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function padded(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

/** A header and its content, padded. */
function entry(fields: Header, content = ''): Buffer {
  return Buffer.concat([header({ size: Buffer.byteLength(content), ...fields }), padded(content)]);
}

function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest) + 1;
  while (length < Buffer.byteLength(`${length}${rest}`)) length += 1;
  return `${length}${rest}`;
}

const pax = (...records: readonly string[]) => entry({ flag: 'x' }, records.join(''));
const END = Buffer.alloc(1024);
const FILE = entry({}, 'content');
const HIDDEN = header({ name: 'templates/evil', flag: '2' });

/** Gives the bytes in pieces that share one memory, as a connection does. */
async function* slices(bytes: Buffer, length: number): AsyncGenerator<Uint8Array> {
  const memory = Buffer.alloc(length);
  for (let at = 0; at < bytes.length; at += length) {
    yield memory.subarray(0, bytes.copy(memory, 0, at, at + length));
    memory.fill(0xff);
    await Promise.resolve();
  }
}

/** `path:type:size` of each entry. */
async function listed(
  blocks: readonly Buffer[],
  { length = 700, limits = LIMITS } = {},
): Promise<string[]> {
  const found: string[] = [];
  for await (const { path, type, size } of tarEntries(
    borrowed(slices(Buffer.concat(blocks), length)),
    limits,
  )) {
    found.push(`${path}:${type}:${size}`);
  }
  return found;
}

describe('tarEntries', () => {
  it('gives the packed entries, from our packer or another, for every way to cut the archive', async () => {
    const name = fc
      .array(fc.constantFrom('a', 'bc', 'é', '日本', 'x'.repeat(60)), {
        minLength: 1,
        maxLength: 6,
      })
      .map((parts) => parts.join('/'));
    const files = fc.uniqueArray(fc.tuple(name, fc.uint8Array({ maxLength: 1100 })), {
      maxLength: 5,
      selector: ([path]) => path,
    });
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 2000 }), async (all, length) => {
        const ours = packTar(all.map(([path, bytes]) => ({ path, content: Buffer.from(bytes) })));
        const theirs = await packedByLibrary(
          all.map(([path, body]) => ({ header: { name: path, size: body.length }, body })),
        );
        for (const archive of [ours, Buffer.from(theirs)]) {
          const found: [string, Buffer][] = [];
          for await (const one of tarEntries(borrowed(slices(archive, length)), LIMITS)) {
            found.push([one.path, Buffer.from(await one.read(2000))]);
          }
          assert.deepEqual(
            found,
            all.map(([path, bytes]) => [path, Buffer.from(bytes)]),
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it('reads pax records by their length, whatever their values are', async () => {
    const fakes = record('comment', 'foo\n13 size=1024\nz') + record('comment', '\n10 path=b\n');
    assert.deepEqual(await listed([pax(fakes), FILE, HIDDEN, END]), [
      'a:file:7',
      'templates/evil:symlink:0',
    ]);
    const utf8 = record('path', 'é/日本') + record('mtime', '1.5') + record('path', 'ü');
    assert.deepEqual(await listed([pax(utf8), FILE, END]), ['ü:file:7']);
  });

  it('reads long names of GNU and pax, and sizes of 8 GiB', async () => {
    const long = 'n/'.repeat(1000) + 'n';
    const size = Buffer.concat([Buffer.from([0x80]), Buffer.alloc(10), Buffer.from([7])]);
    const folders = entry({ flag: 'K' }, 'link\0');
    assert.deepEqual(
      await listed([
        ...[folders, entry({ name: '././@LongLink', flag: 'L' }, `${long}\0`), FILE],
        ...[pax(record('path', long)), FILE],
        ...[pax(record('size', '7')), header({}), padded('content')],
        ...[header({ sizeField: size }), padded('content'), entry({ name: 'd/', flag: '5' })],
        // Before there was a flag for folders, a name with a slash at the end meant a folder.
        ...[entry({ name: './e/', flag: '\0', magic: '\0' }), END],
      ]),
      [`${long}:file:7`, `${long}:file:7`, 'a:file:7', 'a:file:7', 'd:folder:0', 'e:folder:0'],
    );
  });

  it('skips sparse files and their maps', async () => {
    const map = header({ flag: 'S', size: 7, magic: 'ustar  \0', at: [[482, Buffer.from([1])]] });
    const more = Buffer.alloc(512);
    more[504] = 1;
    assert.deepEqual(await listed([map, more, Buffer.alloc(512), padded('content'), FILE, END]), [
      'a:other:7',
      'a:file:7',
    ]);
    const sparse = ['major=1', 'minor=0', 'name=real', 'realsize=99'].map((text) => {
      const [key = '', value = ''] = text.split('=');
      return record(`GNU.sparse.${key}`, value);
    });
    assert.deepEqual(await listed([pax(record('path', 'alias'), ...sparse), FILE, END]), [
      'real:other:7',
    ]);
  });

  it('ends at a block of zeros, or at the end of the bytes, whatever follows', async () => {
    for (const end of [END, Buffer.alloc(0), Buffer.alloc(10_240), Buffer.alloc(512)]) {
      assert.deepEqual(await listed([FILE, end]), ['a:file:7']);
    }
  });

  it('rejects a header that claims 3 GiB at once', async () => {
    for (const flag of ['x', 'g', 'L', 'K']) {
      const asked = async function* () {
        yield header({ flag, size: 3 * 2 ** 30 });
        await Promise.resolve();
        assert.fail('asked for more');
      };
      const entries = tarEntries(borrowed(asked()), LIMITS);
      await assert.rejects(entries.next(), /larger than 64 KiB/);
    }
  });

  const number = (bytes: string) => Buffer.from(bytes, 'latin1');
  const REFUSED: readonly (readonly [string, readonly Buffer[]])[] = [
    ['is cut short in a header', [FILE, header({}).subarray(0, 300)]],
    ['is cut short in a file', [header({ size: 5000 }), padded('content')]],
    ['has a wrong checksum', [Buffer.from(header({}).toString('latin1').replace('a', 'b')), END]],
    ['has a negative size', [header({ sizeField: Buffer.alloc(12, 0xff) }), END]],
    [
      'has a size of exabytes',
      [header({ sizeField: number('\x80\0\0\0\x7f'.padEnd(12, '\xff')) })],
    ],
    ['has bits beside a size', [header({ sizeField: number('\x81'.padEnd(12, '\0')) }), END]],
    ['has a signed size', [header({ sizeField: number('-0000000001\0') }), END]],
    ['has a NUL before a size', [header({ sizeField: number('\x000000001000\0') }), END]],
    ['has a space in a size', [header({ sizeField: number('0000 000001\0') }), END]],
    ['has a negative pax size', [pax(record('size', '-1')), FILE, END]],
    ['has no number for a pax size', [pax(record('size', '0x10')), FILE, END]],
    ['has a huge pax size', [pax(record('size', '9'.repeat(16))), FILE, END]],
    ['has a record without a length', [pax('path=b\n'), FILE, END]],
    ['has a record longer than its header', [pax('99 path=b\n'), FILE, END]],
    ['has a record that ends inside of another', [pax('7 path=b\n'), FILE, END]],
    ['has a record of no length', [pax('0 path=b\n'), FILE, END]],
    ['has a record without a key', [pax('6 =bc\n'), FILE, END]],
    ['has a NUL in a name', [pax(record('path', 'b\0c')), FILE, END]],
    ['has a name for all that follows', [entry({ flag: 'g' }, record('path', 'b')), FILE, END]],
    ['has a size for all that follows', [entry({ flag: 'g' }, record('size', '0')), FILE, END]],
    ['has two pax headers', [pax(record('path', 'b')), pax(record('path', 'c')), FILE, END]],
    ['has two names', [pax(record('path', 'b')), entry({ flag: 'L' }, 'c\0'), FILE, END]],
    ['has two long names', [entry({ flag: 'L' }, 'b\0'), entry({ flag: 'L' }, 'c\0'), FILE, END]],
    ['has a symlink with content', [header({ flag: '2', size: 512 }), HIDDEN, FILE, END]],
    ['has a hard link with content', [header({ flag: '1', size: 512 }), HIDDEN, FILE, END]],
    ['has a folder with content', [header({ flag: '5', size: 512 }), HIDDEN, FILE, END]],
    ['has a pipe with content', [header({ flag: '6', size: 512 }), HIDDEN, FILE, END]],
    ['has a link with a pax size', [pax(record('size', '512')), HIDDEN, FILE, END]],
    ['has a file named as a folder', [header({ name: 'd/', size: 512 }), HIDDEN, FILE, END]],
  ];
  for (const [what, blocks] of REFUSED) {
    it(`rejects an archive that ${what}`, async () => {
      await assert.rejects(listed(blocks), TarError);
      await assert.rejects(listed(blocks, { length: 100_000 }), TarError);
    });
  }

  it('applies its limits on entries, including comments, and on bytes', async () => {
    const comment = entry({ flag: 'g' }, record('comment', 'x'));
    const limits = { bytes: 2 ** 40, entries: 2 };
    assert.deepEqual(await listed([comment, FILE, END], { limits }), ['a:file:7']);
    await assert.rejects(listed([comment, FILE, FILE, END], { limits }), /more than 2 entries/);
    const few = { bytes: 1500, entries: 9 };
    await assert.rejects(listed([FILE, FILE, END], { limits: few }), /larger than 1500 bytes/);
    const [first] = await Array.fromAsync(tarEntries(borrowed(slices(FILE, 2000)), LIMITS));
    await assert.rejects(async () => first?.read(6), /larger than 6 bytes/);
  });
});
