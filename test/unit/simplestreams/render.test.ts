import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CATALOG_SCHEMA, type Catalog } from '../../../src/catalog/document.ts';
import { versionProblem } from '../../../src/images/layout.ts';
import { canonicalJson } from '../../../src/simplestreams/canonical-json.ts';
import { readGeneration } from '../../../src/simplestreams/generation.ts';
import type { ListedEntry } from '../../../src/simplestreams/listing.ts';
import { renderImages, renderIndex } from '../../../src/simplestreams/render.ts';
import { listedImages } from '../../support/images/listed-images.ts';
import * as arbitrary from '../../support/images/arbitraries.ts';
import { readImages, readIndex } from '../../support/clients.ts';

const REVISION = { catalog: 7 };

describe('rendered files', () => {
  it('are decoded by LXD and Incus to exactly what is listed', () => {
    fc.assert(
      fc.property(arbitrary.catalog, (catalog) => {
        const document = readImages(renderImages(catalog, REVISION));
        for (const client of ['lxd', 'incus'] as const) {
          const listed = [...listedImages(catalog)]
            .filter((image) => image.client === client)
            .map(({ product, version, fingerprint, type, file, metadataFile }) => {
              const [, , arch] = product.split(':');
              const prefix = `images/${product.replaceAll(':', '/')}/${version}/`;
              const { files } = catalog.products[product]!.versions[version]!;
              return {
                product,
                version,
                arch,
                fingerprint,
                type,
                files: [...(metadataFile ? [metadataFile] : []), file].map((name) => ({
                  path: prefix + name,
                  sha256: files[name]!.sha256,
                  size: files[name]!.size,
                })),
              };
            });
          const seen = document
            .imagesFor(client)
            .map(({ aliases: _, properties: __, ...image }) => image);
          assert.deepEqual(sorted(seen), sorted(listed));
        }
      }),
      { numRuns: 500 },
    );
  });

  it('name no product, version or item that no client can use', () => {
    fc.assert(
      fc.property(arbitrary.catalog, (catalog) => {
        const { products } = readImages(renderImages(catalog, REVISION)).document;
        for (const product of Object.values(products)) {
          assert.notDeepEqual(product.versions, {});
          for (const [version, { items }] of Object.entries(product.versions)) {
            assert.equal(versionProblem(version), undefined);
            const ftypes = Object.values(items).map(({ ftype }) => ftype);
            assert.equal(new Set(ftypes).size, ftypes.length, 'an ftype is there twice');
            assert.ok(ftypes.some((ftype) => /^(lxd|incus)/.test(ftype)));
            for (const item of Object.values(items)) {
              assert.match(item.path, /^images\/[A-Za-z0-9._/:-]+$/);
              assert.match(item.sha256 ?? '', /^[0-9a-f]{64}$/);
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('have the same products in the index and in the images', () => {
    fc.assert(
      fc.property(arbitrary.catalog, (catalog) => {
        const { document } = readImages(renderImages(catalog, REVISION));
        const index = readIndex(renderIndex(catalog, REVISION));
        assert.deepEqual(index.index, {
          images: {
            datatype: 'image-downloads',
            format: 'products:1.0',
            path: 'streams/v1/images.json',
            products: Object.keys(document.products).sort(),
          },
        });
      }),
    );
  });

  it('are the same bytes for the same catalog, for any order of its parts', () => {
    fc.assert(
      fc.property(arbitrary.catalog, (catalog) => {
        const other = reversed(catalog) as Catalog;
        assert.deepEqual(renderImages(other, REVISION), renderImages(catalog, REVISION));
        assert.deepEqual(renderIndex(other, REVISION), renderIndex(catalog, REVISION));
      }),
    );
  });

  it('begin with the revision; the mirror is 0 on the master', () => {
    fc.assert(
      fc.property(arbitrary.catalog, fc.nat(), fc.nat(), (catalog, generation, mirror) => {
        for (const render of [renderImages, renderIndex]) {
          const onMaster = new TextDecoder().decode(render(catalog, { catalog: generation }));
          assert.ok(onMaster.startsWith(`{"generation":{"catalog":${generation},"mirror":0},"`));
          const bytes = render(catalog, { catalog: generation, mirror });
          assert.deepEqual(readGeneration(bytes), { catalog: generation, mirror });
        }
      }),
      { numRuns: 50 },
    );
  });

  it('leave out what a mirror may not name, and products without other images', () => {
    fc.assert(
      fc.property(arbitrary.catalog, fc.func(fc.boolean()), (catalog, proven) => {
        const isListed = ({
          product,
          version,
          file,
        }: Pick<ListedEntry, 'product' | 'version' | 'file'>) => proven(product, version, file);
        const document = readImages(renderImages(catalog, REVISION, isListed));
        const expected = [...listedImages(catalog)].filter((image) => isListed(image));
        const seen = [...document.imagesFor('lxd'), ...document.imagesFor('incus')];
        assert.deepEqual(
          seen.map(({ fingerprint }) => fingerprint).sort(),
          expected.map(({ fingerprint }) => fingerprint).sort(),
        );
        assert.deepEqual(
          Object.keys(document.document.products).sort(),
          [...new Set(expected.map(({ product }) => product))].sort(),
        );
      }),
    );
  });
});

describe('an empty catalog', () => {
  it('gives an index whose entry has no products, and no images', () => {
    const catalog: Catalog = {
      schema: CATALOG_SCHEMA,
      store: '00000000-0000-4000-8000-000000000000',
      generation: 1,
      settings: { clients: ['lxd', 'incus'], aliases: [], edgeSeconds: 0 },
      products: {},
      ignored: { count: 0, first: [] },
    };
    assert.deepEqual(readIndex(renderIndex(catalog, REVISION)).index['images']?.products, []);
    assert.deepEqual(readImages(renderImages(catalog, REVISION)).document.products, {});
  });
});

describe('canonicalJson', () => {
  it('is JSON of the same value, with its keys in order', () => {
    assert.equal(
      canonicalJson({
        b: [1, { d: null, c: 'é"\n' }],
        '20240102': true,
        '20240101_12:00': 0,
        a: undefined,
      }),
      '{"20240101_12:00":0,"20240102":true,"b":[1,{"c":"é\\"\\n","d":null}]}',
    );
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

function sorted<T>(values: readonly T[]): T[] {
  return values.toSorted((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
}

/** The same value with the keys of all objects in reverse order. */
function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}
