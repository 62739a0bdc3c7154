import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';

import { parseIndex, parseProducts } from '../../../src/simplestreams/parse-documents.ts';
import { renderImages, renderIndex } from '../../../src/simplestreams/render.ts';
import {
  salvageIndex,
  salvageProducts,
  type Problem,
} from '../../../src/simplestreams/salvage-documents.ts';
import * as arbitrary from '../../support/images/arbitraries.ts';

/** A complete products file with two items. Some of their fields are replaced. */
const images = ({ item = {}, version = {}, product = {}, document = {} }) => ({
  content_id: 'images',
  products: {
    'a:b:c:d': {
      aliases: 'a',
      arch: 'amd64',
      versions: {
        '20240101': {
          items: {
            root: { ftype: 'squashfs', path: 'p', size: 1, ...item },
            other: { ftype: 'disk1.img', path: 'q', size: 2 },
          },
          ...version,
        },
      },
      ...product,
    },
  },
  ...document,
});

function salvage(json: unknown) {
  const problems: Problem[] = [];
  const products = Object.fromEntries(salvageProducts(json, (problem) => problems.push(problem)));
  return { products, problems };
}

describe('salvaging public files', () => {
  it('gives the result of the strict reader where nothing is wrong', () => {
    fc.assert(
      fc.property(arbitrary.catalog, (catalog) => {
        const revision = { catalog: catalog.generation, mirror: 3 };
        const json = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));
        const { products } = json(renderImages(catalog, revision)) as { products: object };
        assert.deepEqual(salvage(json(renderImages(catalog, revision))), {
          products,
          problems: [],
        });
        const index = json(renderIndex(catalog, revision));
        assert.deepEqual(
          salvageIndex(index, ({ problem }) => assert.fail(problem)),
          index,
        );
      }),
    );
  });

  it('reports a problem wherever clients reject a file', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (value, held) => {
        const index = { index: { a: value } };
        const lists = [
          value,
          images({ item: { size: value } }),
          images({ product: { os: value } }),
        ];
        for (const json of [...lists, images({ version: { items: held } })]) {
          if ('problem' in parseProducts(json)) assert.notEqual(salvage(json).problems.length, 0);
        }
        const problems: Problem[] = [];
        salvageIndex(index, (problem) => problems.push(problem));
        assert.equal(problems.length > 0, 'problem' in parseIndex(index));
      }),
    );
  });

  it('leaves out an item with a wrong value, and names it', () => {
    for (const [item, problem] of [
      [{ size: '1' }, 'size: a string where an integer belongs'],
      [{ md5: 1 }, 'md5: 1 where a string belongs'],
      [{ combined_squashfs_sha256: [] }, /^combined_squashfs_sha256: a list where/],
      [{ ftype: '' }, /it has no ftype/],
    ] as const) {
      const { products, problems } = salvage(images({ item }));
      const { items } = products['a:b:c:d']!.versions['20240101']!;
      assert.deepEqual(Object.keys(items), ['other']);
      assert.equal(problems.length, 1);
      assert.equal(problems[0]!.key, 'a:b:c:d 20240101 root');
      assert.match(problems[0]!.problem, problem instanceof RegExp ? problem : RegExp(problem));
    }
  });

  it('reads the items below a level with a wrong value', () => {
    for (const [json, key] of [
      [images({ version: { label: 1 } }), 'a:b:c:d 20240101'],
      [images({ product: { aliases: ['a'] } }), 'a:b:c:d'],
      [images({ document: { format: 2 } }), ''],
    ] as const) {
      const { products, problems } = salvage(json);
      const { items } = products['a:b:c:d']!.versions['20240101']!;
      assert.deepEqual(Object.keys(items), ['root', 'other']);
      assert.deepEqual(
        problems.map((one) => one.key),
        [key],
      );
    }
    const { products } = salvage(images({ product: { aliases: ['a'] } }));
    assert.equal(products['a:b:c:d']!.aliases, '');
  });

  it('leaves out an entry of an index with a wrong value', () => {
    const good = { datatype: 'image-downloads', path: 'p', products: ['a'] };
    const problems: Problem[] = [];
    const json = { index: { good, bad: { ...good, products: 'a' } } };
    const { index } = salvageIndex(json, (problem) => problems.push(problem));
    assert.deepEqual(index, { good });
    assert.deepEqual(problems, [
      { key: 'bad', problem: 'products: a string where a list belongs' },
    ]);
  });

  it('reports a file of another kind', () => {
    const missing = [{ key: '', problem: 'it has no object "products"' }];
    for (const json of [{}, null, { products: null }, { index: {} }]) {
      assert.deepEqual(salvage(json), { products: {}, problems: missing });
    }
    for (const json of [[], 'text', { products: [] }, { products: 'none' }]) {
      const { products, problems } = salvage(json);
      assert.deepEqual(products, {});
      assert.equal(problems.length, 1);
    }
  });
});
