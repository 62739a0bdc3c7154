import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';

import { createHasher } from '../../../../src/hashing/hasher.ts';
import { verifyPublic } from '../../../../src/pipeline/verify/verify-public.ts';

const PATH = 'images/a/b/amd64/default/20240101/manifest.json';
const LISTED = '{"packages":[]}';

/** Public files with one item that is not a file of an image. */
function filesWith(stored: string): ReadonlyMap<string, string> {
  const sha256 = createHash('sha256').update(LISTED).digest('hex');
  const item = { ftype: 'manifest.json', path: PATH, size: LISTED.length, sha256 };
  const product = { versions: { 20240101: { items: { 'manifest.json': item } } } };
  const entry = { datatype: 'image-downloads', path: 'streams/v1/images.json', products: ['a'] };
  return new Map([
    ['streams/v1/index.json', JSON.stringify({ format: 'index:1.0', index: { images: entry } })],
    ['streams/v1/images.json', JSON.stringify({ products: { a: product } })],
    [PATH, stored],
  ]);
}

describe('verifyPublic', () => {
  it('reads a listed file that is no image', async () => {
    const verify = (stored: string) => {
      const files = filesWith(stored);
      const open = (path: string) => Promise.resolve(bodyOf(files.get(path) ?? ''));
      return verifyPublic({ url: 'memory:', open }, createHasher({ threads: 0 }));
    };
    const whole = await verify(LISTED);
    assert.deepEqual(whole, { checked: 1, bytes: LISTED.length, problems: [] });
    const { problems } = await verify(LISTED.toUpperCase());
    assert.deepEqual(
      problems.map(({ key }) => key),
      [PATH],
    );
  });
});

async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}
