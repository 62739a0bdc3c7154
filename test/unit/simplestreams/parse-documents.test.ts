import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseIndex, parseProducts } from '../../../src/simplestreams/parse-documents.ts';
import { renderImages, renderIndex } from '../../../src/simplestreams/render.ts';
import * as arbitrary from '../../support/images/arbitraries.ts';

const images = (item: object, product: object = {}) => ({
  content_id: 'images',
  datatype: 'image-downloads',
  format: 'products:1.0',
  products: {
    'a:b:c:d': {
      aliases: 'a',
      arch: 'amd64',
      os: 'a',
      release: 'b',
      release_title: 'b',
      ...product,
      versions: {
        '20240101': { items: { root: { ftype: 'squashfs', path: 'p', size: 1, ...item } } },
      },
    },
  },
});

function problem(json: unknown): string {
  const result = parseProducts(json);
  assert.ok('problem' in result);
  return result.problem;
}

describe('parsing public files', () => {
  it('gives back what was rendered, complete', () => {
    fc.assert(
      fc.property(arbitrary.catalog, (catalog) => {
        const revision = { catalog: catalog.generation, mirror: 3 };
        for (const [render, parse] of [
          [renderImages, parseProducts],
          [renderIndex, parseIndex],
        ] as const) {
          const json: unknown = JSON.parse(new TextDecoder().decode(render(catalog, revision)));
          assert.deepEqual(parse(json), { document: json });
        }
      }),
    );
  });

  it('ignores fields that clients do not read, of any type', () => {
    const plain = parseProducts(images({}));
    assert.deepEqual(
      parseProducts({ ...images({ extra: [1] }, { more: { a: 1 } }), x: null }),
      plain,
    );
    assert.deepEqual(parseProducts({ ...images({}), generation: 'theirs' }), plain);
  });

  it('treats null and absent values as the zero value, as Go does', () => {
    assert.deepEqual(parseProducts(null), {
      document: { content_id: '', datatype: '', format: '', products: {} },
    });
    const result = parseProducts(images({ size: null, sha256: null }));
    assert.ok('document' in result);
    const { items } = result.document.products['a:b:c:d']!.versions['20240101']!;
    assert.deepEqual(items, { root: { ftype: 'squashfs', path: 'p', size: 0 } });
  });

  it('rejects a value of another type, with its path', () => {
    const root = 'products["a:b:c:d"].versions["20240101"].items["root"]';
    for (const [json, path] of [
      [images({ size: '1' }), `${root}.size`],
      [images({ size: 1.5 }), `${root}.size`],
      [images({ size: 2 ** 60 }), `${root}.size`],
      [images({ sha256: 1 }), `${root}.sha256`],
      [images({ combined_rootxz_sha256: false }), `${root}.combined_rootxz_sha256`],
      [images({}, { aliases: ['a', 'b'] }), 'products["a:b:c:d"].aliases'],
      [images({}, { requirements: { a: true } }), 'products["a:b:c:d"].requirements["a"]'],
      [images({}, { requirements: 'none' }), 'products["a:b:c:d"].requirements'],
      [images({}, { lxd_requirements: [] }), 'products["a:b:c:d"].lxd_requirements'],
      [images({}, { supported: 'yes' }), 'products["a:b:c:d"].supported'],
      [{ products: [] }, 'products'],
      [[], 'the document'],
      ['text', 'the document'],
    ] as const) {
      assert.ok(problem(json).startsWith(`${path}: `), problem(json));
    }
  });

  it('finds fields in any case, as Go does', () => {
    assert.match(problem(images({ Size: '1' })), /\.Size: a string where an integer belongs/);
    const result = parseProducts(images({}, { ALIASES: 'z' }));
    assert.ok('document' in result);
    assert.equal(result.document.products['a:b:c:d']!.aliases, 'z');
  });

  it('keeps products with names that every object has as members', () => {
    const json: unknown = JSON.parse(
      '{"index":{"__proto__":{"path":"p","products":["constructor"]}}}',
    );
    const result = parseIndex(json);
    assert.ok('document' in result);
    assert.deepEqual(Object.keys(result.document.index), ['__proto__']);
  });

  it('has a result for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        for (const parse of [parseIndex, parseProducts]) {
          const result = parse(json);
          assert.equal('document' in result, !('problem' in result));
        }
      }),
    );
  });
});
