import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';

import {
  listedFiles,
  listedImages,
  listedIn,
  type Listed,
  type ListedFile,
} from '../../../src/catalog/listed-files.ts';
import type { Sha256 } from '../../../src/images/digests.ts';
import { versionPrefix } from '../../../src/images/layout.ts';
import { emptyMirror, type Proven } from '../../../src/mirrors/ledger/document.ts';
import { WHOLE_MASTER } from '../../support/stores/mirror-fixture.ts';
import { namedEntries, wantedFiles } from '../../../src/mirrors/ledger/selection.ts';
import { itemsOf } from '../../../src/simplestreams/items.ts';
import { listedEntries } from '../../../src/simplestreams/listing.ts';
import { goldenCatalog } from '../../support/images/golden-images.ts';
import * as arbitrary from '../../support/images/arbitraries.ts';

const REF = {
  product: { os: 'debian', release: 'bookworm', arch: 'amd64', variant: 'default' },
  version: '20240101',
};

describe('the listed files of a version', () => {
  it('are those of its listed images, as in the catalog', () => {
    fc.assert(
      fc.property(arbitrary.version, arbitrary.settings, (version, settings) => {
        const images = listedImages(version, settings);
        const names = new Set(
          images.flatMap(({ file, metadataFile }) => [metadataFile ?? file, file]),
        );
        const files = listedFiles(listedIn(REF, version, settings));
        assert.deepEqual(new Set(files.map(({ name }) => name)), names);
        assert.equal(files.length, names.size, 'a file is there twice');
        for (const { name, key, ...state } of files) {
          assert.equal(key, versionPrefix(REF) + name);
          const { combined: _, ...entry } = version.files[name]!;
          assert.deepEqual(state, entry);
        }
      }),
    );
  });

  it('are none unless the version is published', () => {
    fc.assert(
      fc.property(arbitrary.version, arbitrary.settings, (version, settings) => {
        if (version.state !== 'published') assert.deepEqual(listedIn(REF, version, settings), []);
      }),
    );
  });
});

describe('a listed file that is no image', () => {
  const [image] = [...listedEntries(goldenCatalog)].filter(({ version }) => version === '20180717');
  assert.ok(image);
  const extra: ListedFile = {
    ...image.files[0]!,
    name: 'manifest.json',
    key: image.files[0]!.key.replace(/[^/]*$/, 'manifest.json'),
    sha256: 'ab'.repeat(32) as Sha256,
  };
  const beside: Listed & typeof image = {
    product: image.product,
    version: image.version,
    file: extra.name,
    files: [...image.files, extra],
  };

  it('is a separate item', () => {
    const { key, sha256, size } = extra;
    const item = { ftype: 'manifest.json', path: key, sha256, size };
    const items = itemsOf([image, beside]);
    assert.deepEqual(items, { ...itemsOf([image]), 'manifest.json': item });
  });

  it('is copied to a mirror, and named there when it and its image are proven', () => {
    const listed = [image, beside];
    const keys = beside.files.map(({ key }) => key);
    assert.deepEqual([...wantedFiles(listed, WHOLE_MASTER).keys()], keys);
    const named = (...proven: ListedFile[]) => {
      const files = proven.map(({ key, etag, size, sha256 }): [string, Proven] => {
        return [key, { etag, size, sha256, source: etag, proof: 'read' }];
      });
      const mirror = emptyMirror('a store', 1, WHOLE_MASTER);
      return namedEntries(listed, { ...mirror, files: Object.fromEntries(files) });
    };
    assert.deepEqual(named(extra), []);
    assert.deepEqual(named(...image.files), [image]);
    assert.deepEqual(named(...beside.files), [image, beside]);
  });
});
