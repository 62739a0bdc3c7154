import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { productName } from '../../../src/images/layout.ts';
import {
  productOfAlias,
  productOfAliases,
  productOfProperties,
} from '../../../src/publishing/choose-product.ts';
import { allowPattern } from '../../../src/gateway/allowed-products.ts';
import { allows } from '../../../src/gateway/trust-store.ts';

describe('the product of an upload', () => {
  const byAlias = (alias: string, architecture = 'x86_64') => {
    const named = productOfAlias(alias, architecture);
    return 'product' in named ? productName(named.product) : named.problem;
  };

  it('is named by its alias', () => {
    assert.equal(byAlias('iats/bionic/arm64/vim', 'aarch64'), 'iats:bionic:arm64:vim');
    assert.equal(byAlias('iats/bionic/vim'), 'iats:bionic:amd64:vim');
    assert.equal(byAlias('iats/bionic/vim', 'aarch64'), 'iats:bionic:arm64:vim');
    assert.equal(byAlias('iats/bionic', 'armhf'), 'iats:bionic:armhf:default');
  });

  it('is nothing for an alias of another form', () => {
    for (const alias of ['', 'vim', 'a//c', 'a/b/c/d/e', '../b/c', 'a/b c/d', 'a/b/c%', '.a/b/c']) {
      assert.match(byAlias(alias), /names no product: os\/release\/variant or/, alias);
    }
    for (const alias of ['a/b/c', 'a/b/pdp11/c']) {
      assert.match(byAlias(alias, 'pdp11'), /neither LXD nor Incus knows the architecture "pdp11"/);
    }
  });

  it('is nothing for an alias with another architecture than the image, or an unknown one', () => {
    assert.match(
      byAlias('a/b/foo/c'),
      /"a\/b\/foo\/c" .* knows the architecture "foo".*amd64, arm64/,
    );
    assert.match(
      byAlias('a/b/arm64/c'),
      /names the architecture arm64, and the image is for amd64/,
    );
    assert.equal(byAlias('a/b/x86_64/c'), 'a:b:x86_64:c');
    assert.match(byAlias('a/b/amd64'), /its last name is that of an architecture/);
    assert.match(byAlias('a/b/arm64'), /write os\/release\/variant, or all of/);
  });

  it('is the one that all its aliases name', () => {
    const byAliases = (...aliases: readonly [string, ...string[]]) => {
      const named = productOfAliases(aliases, 'x86_64');
      return 'product' in named ? productName(named.product) : named.problem;
    };
    assert.equal(byAliases('a/b/c', 'a/b/amd64/c'), 'a:b:amd64:c');
    assert.equal(byAliases('a/b', 'a/b/default', 'a/b/amd64/default'), 'a:b:amd64:default');
    assert.match(byAliases('latest', 'a/b/c'), /"latest" names no product/);
    assert.match(byAliases('a/b/c', 'latest'), /"latest" names no product.*product\.toml/);
    assert.match(
      byAliases('a/b/c', 'a/b/d'),
      /"a\/b\/d" names another product than "a\/b\/c".*product\.toml/,
    );
  });

  it('is the one of its properties, in a form that keys and aliases can have', () => {
    const of = (properties: Record<string, string>) => {
      const product = productOfProperties({ properties, architecture: 'x86_64' });
      return product && productName(product);
    };
    assert.equal(of({ os: 'Busybox', release: 'static' }), 'busybox:static:amd64:default');
    assert.equal(
      of({ os: 'Alpine Linux', release: '3.20', variant: 'Cloud', architecture: 'arm64' }),
      'alpine-linux:3.20:arm64:cloud',
    );
    assert.equal(of({ os: 'x' }), undefined);
    assert.equal(of({ os: '...', release: '1' }), undefined);
    assert.equal(of({ os: 'x', release: '1', architecture: 'pdp11' }), undefined);
  });
});

describe('patterns of allowed products', () => {
  it('match whole paths, with * for anything', () => {
    const path = 'iats/bionic/amd64/vim';
    assert(allows([], path));
    assert(allows(['iats/*'], path));
    assert(allows(['other/*', '*/vim'], path));
    assert(!allows(['iats'], path));
    assert(!allows(['iats/bionic'], path));
    assert(!allows(['iat./*'], path));
    assert(!allows(['ats/*'], path));
  });

  it('are invalid where no product could match', () => {
    for (const pattern of [
      '*',
      'iats/*',
      '*/vim',
      'a/b/amd64/c',
      'a/b/*/c',
      'a*',
      'a/*/amd64/*',
      '**',
    ]) {
      assert.equal(problemOf(pattern), undefined, pattern);
    }
    const none = ['', '/iats/*', 'a//*', '[', 'a b/*', '.a/*', 'a/b/c/d/*'];
    for (const pattern of none) {
      assert.match(problemOf(pattern) ?? '', /can match no product; write/, pattern);
    }
    assert.match(problemOf('a/b/foo/*') ?? '', /knows the architecture "foo"/);
  });
});

function problemOf(pattern: string): string | undefined {
  const allowed = allowPattern(pattern);
  return 'problem' in allowed ? allowed.problem : undefined;
}
