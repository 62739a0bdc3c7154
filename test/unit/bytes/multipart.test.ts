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

/** Cuts `bytes` into chunks of these lengths, over and over; all come in one memory. */
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
  it('gives every part whole, however the body is cut', async () => {
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

  it('never takes a body that is cut short for a whole one', async () => {
    const whole = body([
      ['metadata', Buffer.from('m')],
      ['rootfs', Buffer.from('r')],
    ]);
    // What follows the last delimiter's dashes says nothing.
    for (let length = 0; length < whole.length - 2; length++) {
      await assert.rejects(collect(chunks(whole.subarray(0, length), [7])), MultipartError);
    }
  });

  it('refuses endless headers and a part without a name', async () => {
    const endless = Buffer.concat([Buffer.from(`--${BOUNDARY}\r\n`), Buffer.alloc(20_000, 'x')]);
    await assert.rejects(collect(chunks(endless, [1000])), /more than \d+ bytes/);
    const nameless = Buffer.from(`--${BOUNDARY}\r\nA: b\r\n\r\nx\r\n--${BOUNDARY}--`);
    await assert.rejects(collect(chunks(nameless, [9])), /no name/);
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
