import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseCatalog, serializeCatalog } from '../../../src/catalog/codec.ts';
import { isSame } from '../../../src/catalog/same.ts';
import { settle } from '../../../src/catalog/settle.ts';
import * as arbitrary from '../../support/images/arbitraries.ts';

const NOW = Date.UTC(2026, 0, 1);

describe('settle', () => {
  it('returns what is settled unchanged, as the same objects', () => {
    fc.assert(
      fc.property(arbitrary.catalog, ({ products, settings }) => {
        const settled = settle(products, settings, NOW);
        assert.equal(settle(settled, settings, NOW), settled);
      }),
    );
  });

  it('makes new objects only for versions whose state changes, and their products', () => {
    fc.assert(
      fc.property(arbitrary.catalog, ({ products, settings }) => {
        const before = settle(products, settings, NOW);
        const [name] = Object.keys(before);
        if (name === undefined) return;
        const { [name]: _, ...others } = before;
        const after = settle(others, settings, NOW);
        for (const [product, { versions }] of Object.entries(after)) {
          for (const [version, entry] of Object.entries(versions)) {
            const earlier = others[product]?.versions[version];
            assert.equal(entry === earlier, isSame(entry, earlier), `${product} ${version}`);
          }
        }
      }),
    );
  });
});

describe('the stored catalog', () => {
  it('is read back as it was written, for any names', () => {
    fc.assert(
      fc.property(arbitrary.catalog, (catalog) => {
        const parsed = parseCatalog(Buffer.from(serializeCatalog(catalog)).toString());
        assert.ok(parsed.kind === 'catalog');
        assert.ok(isSame(parsed.catalog, catalog));
      }),
    );
  });
});

describe('isSame', () => {
  it('compares what is stored, without the order of keys and undefined members', () => {
    assert.ok(isSame({ a: 1, b: [{ c: 'x' }] }, { b: [{ c: 'x', d: undefined }], a: 1 }));
    assert.ok(!isSame({ a: 1 }, { a: 2 }));
    assert.ok(!isSame({ a: 1 }, { a: 1, b: 0 }));
    assert.ok(!isSame({ a: undefined, b: 1 }, { a: 1, c: undefined }));
    assert.ok(!isSame([1, 2], [1]));
    assert.ok(!isSame({}, []));
    assert.ok(!isSame({ toString: undefined, a: 1 }, { a: 1, b: 2 }));
  });
});
