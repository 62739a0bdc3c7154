import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { productName } from '../../../src/images/layout.ts';
import { productOfAlias, productOfProperties } from '../../../src/upload/choose-product.ts';
import { allows } from '../../../src/upload/gateway-trust.ts';

describe('the product of an upload', () => {
  const byAlias = (alias: string, architecture = 'x86_64') => {
    const product = productOfAlias(alias, architecture);
    return product && productName(product);
  };

  it('is what its alias names', () => {
    assert.equal(byAlias('iats/bionic/arm64/vim'), 'iats:bionic:arm64:vim');
    assert.equal(byAlias('iats/bionic/vim'), 'iats:bionic:amd64:vim');
    assert.equal(byAlias('iats/bionic/vim', 'aarch64'), 'iats:bionic:arm64:vim');
    assert.equal(byAlias('iats/bionic', 'armhf'), 'iats:bionic:armhf:default');
  });

  it('is nothing for an alias of another form', () => {
    for (const alias of ['', 'vim', 'a//c', 'a/b/c/d/e', '../b/c', 'a/b c/d', 'a/b/c%', '.a/b/c']) {
      assert.equal(byAlias(alias), undefined, alias);
    }
    assert.equal(byAlias('a/b/c', 'pdp11'), undefined);
  });

  it('is what its properties name, in a form that keys and aliases can have', () => {
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
});
