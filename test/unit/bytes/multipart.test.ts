import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';

import { borrowed, wholeBody } from '../../../src/bytes/borrowed-chunks.ts';
import { multipartBoundary, MultipartError, multipartParts } from '../../../src/bytes/multipart.ts';

const BOUNDARY = 'b0und';

function body(parts: readonly (readonly [string, Uint8Array])[]): Buffer {
  return Buffer.concat([
    ...parts.flatMap(([name, content], index) => [
      Buffer.from(
        `${index === 0 ? '' : '\r\n'}--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`,
      ),
      content,
    ]),
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ]);
}

/** Cuts `bytes` into chunks of these lengths, repeated in turn. All share one memory. */
async function* chunks(bytes: Buffer, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  const memory = Buffer.alloc(Math.max(...lengths));
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const length = lengths[n % lengths.length]!;
    yield memory.subarray(0, bytes.copy(memory, 0, at, at + length));
    memory.fill(0);
    at += length;
    await Promise.resolve();
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<[string, Buffer][]> {
  const found: [string, Buffer][] = [];
  for await (const part of multipartParts(borrowed(source), BOUNDARY)) {
    found.push([part.name, await wholeBody(part.body, Infinity)]);
  }
  return found;
}

/** Bytes that often look like the beginning of a delimiter. */
const tricky = fc
  .array(
    fc.constantFrom('\r', '\n', '\r\n', '--', '\r\n--', `\r\n--${BOUNDARY.slice(0, 3)}`, 'x', '\0'),
    {
      maxLength: 40,
    },
  )
  .map((pieces) => Buffer.from(pieces.join('')));

describe('multipartParts', () => {
  it('gives every part complete, for every way to cut the body', async () => {
    await fc.assert(
      fc.asyncProperty(
        tricky,
        tricky,
        fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 5 }),
        async (first, second, lengths) => {
          const whole = body([
            ['metadata', first],
            ['rootfs', second],
          ]);
          assert.deepEqual(await collect(chunks(whole, lengths)), [
            ['metadata', first],
            ['rootfs', second],
          ]);
        },
      ),
    );
  });

  it('never treats an incomplete body as complete', async () => {
    const whole = body([
      ['metadata', Buffer.from('m')],
      ['rootfs', Buffer.from('r')],
    ]);
    // The bytes after the last delimiter's dashes have no meaning.
    for (let length = 0; length < whole.length - 2; length++) {
      await assert.rejects(collect(chunks(whole.subarray(0, length), [7])), MultipartError);
    }
  });

  it('rejects endless headers and a part without a name', async () => {
    const endless = Buffer.concat([Buffer.from(`--${BOUNDARY}\r\n`), Buffer.alloc(20_000, 'x')]);
    await assert.rejects(collect(chunks(endless, [1000])), /more than \d+ bytes/);
    const nameless = Buffer.from(`--${BOUNDARY}\r\nA: b\r\n\r\nx\r\n--${BOUNDARY}--`);
    await assert.rejects(collect(chunks(nameless, [9])), /no name/);
  });

  it('rejects a delimiter among headers, more parts than any image has, and a part that was not read', async () => {
    const cut = Buffer.from(`--${BOUNDARY}\r\nA: b\r\n--${BOUNDARY}--\r\n`);
    await assert.rejects(collect(chunks(cut, [9])), /no content/);
    const many = body(Array.from({ length: 17 }, (_, n) => [`p${n}`, Buffer.from('x')] as const));
    await assert.rejects(collect(chunks(many, [many.length])), /more than 16 parts/);
    const skip = async () => {
      const two = [['metadata', Buffer.from('m')] as const, ['rootfs', Buffer.from('r')] as const];
      for await (const part of multipartParts(borrowed(chunks(body(two), [7])), BOUNDARY))
        assert.ok(part.name);
    };
    await assert.rejects(skip(), /not read to its end/);
  });

  it('gives chunks of any size, and reads the source only up to the last delimiter', async () => {
    const root = Buffer.alloc(3 * 1024 * 1024, '\r\n--b0un');
    const whole = body([
      ['metadata', Buffer.from('m')],
      ['rootfs', root],
    ]);
    let closed = false;
    const source = async function* () {
      try {
        yield* chunks(whole, [2 ** 20]);
        assert.fail('asked for more than the last delimiter');
      } finally {
        closed = true;
      }
    };
    const found = await collect(source());
    assert.deepEqual(found[0], ['metadata', Buffer.from('m')]);
    assert.ok(found[1]?.[1].equals(root));
    assert.equal(closed, true);
  });

  it('finds the boundary in the content type', () => {
    assert.equal(multipartBoundary('multipart/form-data; boundary=abc'), 'abc');
    assert.equal(multipartBoundary('Multipart/Form-Data;charset=x; boundary="a b"'), 'a b');
    assert.equal(multipartBoundary('application/octet-stream'), undefined);
    assert.equal(multipartBoundary(undefined), undefined);
    assert.throws(() => multipartBoundary('multipart/form-data'), MultipartError);
    assert.throws(
      () => multipartBoundary(`multipart/form-data; boundary=${'x'.repeat(300)}`),
      MultipartError,
    );
  });
});
