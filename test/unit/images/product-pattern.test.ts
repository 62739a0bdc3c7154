import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';

import { allowPattern } from '../../../src/gateway/allowed-products.ts';
import { allows } from '../../../src/gateway/trust-store.ts';
import { parseProductPattern } from '../../../src/images/product-pattern.ts';

const NAMES = ['a', 'b', 'ab', 'a.b', 'amd64', 'arm64', 'default'];
const name = fc.constantFrom(...NAMES);
const patternName = fc.constantFrom(...NAMES, '*', 'a*', '*b', 'a*b', '*.*', 'amd*', '**');

function fits(pattern: string, path: string): boolean {
  const [os = '', release = '', arch = '', variant = ''] = path.split('/');
  return parseProductPattern(pattern)?.({ os, release, arch, variant }) === true;
}

describe('a pattern of products', () => {
  it('has * for any characters of one name, and no limit for missing names at the end', () => {
    for (const [pattern, path, expected] of [
      ['ubuntu', 'ubuntu/noble/amd64/cloud', true],
      ['ubuntu/*/amd64', 'ubuntu/noble/amd64/cloud', true],
      ['ubuntu:n*:amd64:cloud', 'ubuntu/noble/amd64/cloud', true],
      ['*', 'ubuntu/noble/amd64/cloud', true],
      ['*/cloud', 'ubuntu/noble/amd64/cloud', false],
      ['*/*/*/cloud', 'ubuntu/noble/amd64/cloud', true],
      ['ub*amd64', 'ubuntu/noble/amd64/cloud', false],
      ['3.1', '311/1/amd64/cloud', false],
    ] as const) {
      assert.equal(fits(pattern, path), expected, `${pattern} ${path}`);
    }
    for (const none of ['', 'a//b', 'a/b/c/d/e', '[', 'a b']) {
      assert.equal(parseProductPattern(none), undefined, none);
    }
  });

  it('means the same where it is stored for a client, also for older code', () => {
    fc.assert(
      fc.property(
        fc.array(patternName, { minLength: 1, maxLength: 4 }),
        fc.tuple(name, name, fc.constantFrom('amd64', 'arm64'), name),
        (names, product) => {
          const [pattern, path] = [names.join('/'), product.join('/')];
          const allowed = allowPattern(pattern);
          if ('problem' in allowed) return !fits(pattern, path);
          // The stored form may also be read as a pattern again.
          assert.equal(fits(allowed.stored, path), fits(pattern, path), allowed.stored);
          return allows([allowed.stored], path) === fits(pattern, path);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('stays as it was typed where * is last and alone', () => {
    for (const [typed, stored] of [
      ['iats/*', 'iats/*'],
      ['iats', 'iats/*'],
      ['*', '*'],
      ['a/b/*', 'a/b/*'],
      ['*/default', '*/default/*/*'],
      ['*/*/*/default', '*/*/*/default'],
      ['ia*', 'ia*/*/*/*'],
    ] as const) {
      assert.deepEqual(allowPattern(typed), { stored }, typed);
    }
  });
});
