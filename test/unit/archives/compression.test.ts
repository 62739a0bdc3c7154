import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { wholeBody } from '../../../src/bytes/borrowed-chunks.ts';
import { decompressed } from '../../../src/archives/compression.ts';
import { xzFile } from '../../support/images/xz-file.ts';

/** `TEXT` by `xz -9 --check=crc64` of XZ Utils. */
const BY_XZ =
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4EzEAthdADaZSu6XoY9PBWeCFfo5AF+yxJTuBvpL0/SZhRPJp8OsshLWA6mNNl3KLtcYoRCEYirBOJcG7pJFmhjQTa2VUdj5MrrCRxKCUeuPB7aglMfqdYiwNNTUdpZaj3/wzte4CTUspduiexCuHQr1i2AEpyCU4O0k+RvTp4cm2wzG9Fz08hCJQLNDZm3ca4shqYu8jVqDKyslbNVxAPrHETXwcPSnXurNxfsfry8lZ865oRqhbiJuFYLvov3n0LCZGfoNln4YJy/NksdKmbcbhezke/qL2OWEb+iRvdv9vnX+yeHu3tDkSjv8pUnsuysuI12jrDD9mm4h5aRelRgBYiVGE7IjFrKjC7+5gP4YCWb6M+oQhtFJKn+lHByZl7l9/TfgsMAzeK9OZbjpKEE10VJ5Tf7OEg9jgc8cXLO2M1ZJRNcBi2QNPaMhWGXV/mHAdq0wfuUmhXlzrEEmv/oUAdZVO4Uf+LOU5o97Xwa5VbfRNb/iLkJou/sBlfKbNtODlo75RYnTTUrFEKFwy1BYb+Uk2C/hEymikKQFne79ivwVKP8Oc80guqloTqZWIzNit0XPN6+uZvFe7bI6XhOnueGLa21b8WT7gKjkKHe7QmYZ6LpCWolXuVYt1K676YQon+OR0Mt8+djzLf1HGGeqLj7NkRILgpXPv0NRsx6mSAAOmEaBTtWSaQXC/GjMy8l57GlT+GOl/+HHcm7xgv/X0xSWWXuhmVXli8t16NGlLKgtSsmGwnjofP1+Up9YkTCSIQ2r+nuvFVyGvctajFd6NLzurRwQ8oK6Zj6uj8pxyrdbJOFpCDsa/NKtmfRPVM8QamdTnh+eXTgmRwv3MHNmgSoFiCIGK7BVPQosFdXIuMkQcLqNLekVPGOMRokmpkW62Px4lh1cmfZaUdPr/7Pqj1HPCRm/0sZLPpdzoKlI5R/z33CmQlABfbCQZ5AWhVUK1851bKX3WgEk55EAAHabPVI5wGWLAAH0BcWZAQCorPwvscRn+wIAAAAABFla';
const TEXT = 'metadata '.repeat(2000) + Array.from({ length: 300 }, (_, n) => n * n).join();

/** Without `held`, another thread decompresses. */
async function opened(file: Uint8Array, held: boolean): Promise<Buffer> {
  const body = async function* () {
    for (let at = 0; at < file.byteLength; at += 1000) {
      yield file.subarray(at, at + 1000);
      await Promise.resolve();
    }
  };
  return wholeBody(decompressed(body(), 'xz', { held }), 1024 * 1024);
}

describe('decompression of xz', () => {
  for (const held of [true, false]) {
    const where = held ? 'here' : 'on a thread';
    it(`opens ${where} a file that xz made`, async () => {
      assert.equal((await opened(Buffer.from(BY_XZ, 'base64'), held)).toString(), TEXT);
    });

    it(`opens ${where} a file that the tests made without xz`, async () => {
      for (const size of [0, 1, 65_535, 65_536, 65_537, 300_001]) {
        const bytes = Buffer.alloc(size, 'uncompressed');
        assert.ok((await opened(xzFile(bytes), held)).equals(bytes), String(size));
      }
    });

    it(`rejects ${where} a changed byte`, async () => {
      const file = xzFile(Buffer.alloc(1000, 'a'));
      file[100] = (file[100] ?? 0) ^ 1;
      await assert.rejects(opened(file, held), /xz data cannot be decompressed/);
    });
  }
});
