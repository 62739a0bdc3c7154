import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';

import { inlineHasher } from '../../../src/hashing/inline-hasher.ts';
import { verifyPublic } from '../../../src/pipeline/verify/verify-public.ts';
import { StoreError } from '../../../src/storage/errors.ts';

const BODY = Buffer.from('the bytes of a root');
const LIST = 'streams/v1/images.json';
const ENTRY = { datatype: 'image-downloads', path: LIST, products: ['a:b:c:d'] };
const ITEM = {
  ftype: 'squashfs',
  path: 'root',
  size: BODY.length,
  sha256: createHash('sha256').update(BODY).digest('hex'),
};

/** Verifies a server with one file and these lists. */
async function verify(items: object, index: unknown = { index: { images: ENTRY } }, more = {}) {
  const product = { versions: { '20240101': { items } }, ...more };
  const files = new Map([
    ['streams/v1/index.json', Buffer.from(JSON.stringify(index))],
    [LIST, Buffer.from(JSON.stringify({ products: { 'a:b:c:d': product } }))],
    ['root', BODY],
  ]);
  const source = {
    url: 'https://up.example',
    open(path: string) {
      const body = files.get(path);
      if (body)
        return Promise.resolve(
          (async function* () {
            yield Promise.resolve(body);
          })(),
        );
      return Promise.reject(new StoreError('not_found', 'read', `${path} is not there`));
    },
  };
  const { checked, problems } = await verifyPublic(source, inlineHasher);
  return { checked, problems };
}

describe('verify of a list with something wrong', () => {
  it('checks the valid items, and names each invalid one', async () => {
    const place = 'a:b:c:d 20240101';
    const root = 'products["a:b:c:d"].versions["20240101"].items';
    const found = await verify({
      good: ITEM,
      large: { ...ITEM, size: 'large' },
      short: { ...ITEM, sha256: 'f00d' },
      nowhere: { ...ITEM, path: '' },
      kind: { ...ITEM, ftype: null },
      manifest: { ftype: 'manifest', path: 'gone', size: 1 },
    });
    assert.deepEqual(found, {
      checked: 1,
      problems: [
        { key: LIST, problem: `${root}["large"].size: a string where an integer belongs` },
        { key: `${place} large`, problem: 'size: a string where an integer belongs' },
        { key: `${place} kind`, problem: 'it has no ftype' },
        {
          key: `${place} short`,
          problem: 'its sha256 is not 64 lowercase hexadecimal characters',
        },
        { key: `${place} nowhere`, problem: 'it has no path' },
      ],
    });
  });

  it('checks what is below a product that clients reject', async () => {
    const { checked, problems } = await verify({ good: ITEM }, undefined, { aliases: ['a'] });
    assert.equal(checked, 1);
    assert.deepEqual(
      problems.map(({ key }) => key),
      [LIST, 'a:b:c:d'],
    );
  });

  it('reads the other entries of an index, and reports an invalid one', async () => {
    const bad = { ...ENTRY, products: 'all' };
    const { checked, problems } = await verify({ good: ITEM }, { index: { bad, images: ENTRY } });
    assert.equal(checked, 1);
    assert.deepEqual(
      problems.map(({ key }) => key),
      ['streams/v1/index.json', 'bad'],
    );
    for (const index of [{}, null, [], { index: [] }]) {
      const found = await verify({}, index);
      assert.equal(found.checked, 0);
      assert.equal(found.problems.length, 1, JSON.stringify(found.problems));
      assert.equal(found.problems[0]!.key, 'streams/v1/index.json');
    }
  });
});
