import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { prefixOfKey } from '../../../src/local/dirty-prefix.ts';

describe('prefixOfKey', () => {
  const cases: readonly [key: string, prefix: string | undefined][] = [
    ['images/o/r/a/v/20250101_12:00/lxd.tar.xz', 'images/o/r/a/v/20250101_12:00/'],
    ['images/o/r/a/v/20250101/', 'images/o/r/a/v/20250101/'],
    ['images/o/r/a/v/product.toml', 'images/o/r/a/v/'],
    ['images/o/r/a/v/', undefined],
    ['images/o/r/a/v/20250101/.rootfs.part', undefined],
    ['images/o/r/a/v/latest/lxd.tar.xz', undefined],
    ['images/o/r/a/v/20250101/deep/file', undefined],
    ['streams/v1/index.json', undefined],
  ];
  for (const [key, prefix] of cases) {
    it(`${key} → ${prefix ?? 'nothing'}`, () => assert.equal(prefixOfKey(key), prefix));
  }
});
