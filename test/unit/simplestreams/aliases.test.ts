import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { aliasProblem } from '../../../src/catalog/alias-name.ts';
import { parseProductName, productName, type ProductRef } from '../../../src/images/layout.ts';
import {
  DEFAULT_ALIASES,
  expandAliases,
  settleAliases,
  templateProblem,
} from '../../../src/simplestreams/aliases.ts';
import * as arbitrary from '../../support/images/arbitraries.ts';
import { resolveAliases, type ClientImage } from '../../support/clients.ts';

describe('default aliases', () => {
  it('are the short ones and the whole path', () => {
    const product = { os: 'debian', release: '12', arch: 'amd64', variant: 'cloud' };
    assert.deepEqual(expandAliases(DEFAULT_ALIASES, product), [
      'debian/12/cloud',
      'debian/12/amd64/cloud',
    ]);
  });

  it('have os/release for the variant default only', () => {
    const product = { os: 'debian', release: '12', arch: 'amd64', variant: 'default' };
    assert.deepEqual(expandAliases(DEFAULT_ALIASES, product), [
      'debian/12',
      'debian/12/default',
      'debian/12/amd64/default',
    ]);
  });

  it('are aliases that clients can read, for any product', () => {
    fc.assert(
      fc.property(arbitrary.productRef, (product) => {
        for (const alias of expandAliases(DEFAULT_ALIASES, product)) {
          assert.equal(aliasProblem(alias), undefined);
        }
      }),
    );
  });

  it('expand only once a name that looks like a placeholder or a replacement pattern', () => {
    const product = { os: '$&', release: '{arch}', arch: 'amd64', variant: 'x' };
    assert.deepEqual(expandAliases([{ template: '{os}-{release}' }], product), ['$&-{arch}']);
  });
});

describe('aliasProblem', () => {
  it('accepts what people type', () => {
    for (const alias of ['debian/12', 'my-image_2.0', 'ñandú', '日本', 'a'.repeat(255)]) {
      assert.equal(aliasProblem(alias), undefined);
    }
  });

  it('rejects what the list, a terminal or a reader would lose', () => {
    const bad = ['', 'a,b', ' a', 'a b', 'a\u00A0b', 'a\tb', 'a\nb', 'a\0', 'a\u202Eb', '\uD800'];
    for (const alias of [...bad, 'a'.repeat(256)]) assert.ok(aliasProblem(alias), alias);
  });
});

describe('templateProblem', () => {
  it('accepts the four placeholders and rejects others, and what no alias may have', () => {
    for (const { template } of DEFAULT_ALIASES) assert.equal(templateProblem(template), undefined);
    for (const bad of ['{distro}', '{os', 'os}', '{}', '', '{os},{release}', '{os} x', '{ os }']) {
      assert.ok(templateProblem(bad), bad);
    }
  });
});

describe('settled aliases', () => {
  const container = [{ client: 'lxd', type: 'container' }] as const;
  const claim = (name: string, aliases: string[], images: readonly ImageKind[] = container) => ({
    product: ref(name),
    aliases,
    images,
  });

  it('leave one alias with every architecture that has it', () => {
    const claims = [claim('debian:12:amd64:x', ['d']), claim('debian:12:arm64:x', ['d'])];
    assert.deepEqual(settleAliases(claims), [['d'], ['d']]);
  });

  it('belong to the first by os, release and variant, in any order of claims', () => {
    const first = claim('alpine:9:amd64:b', ['latest', 'a']);
    const second = claim('debian:1:amd64:a', ['latest', 'd']);
    assert.deepEqual(settleAliases([first, second]), [['latest', 'a'], ['d']]);
    assert.deepEqual(settleAliases([second, first]), [['d'], ['latest', 'a']]);
  });

  it('order by variant before architecture, as clients do', () => {
    const claims = [claim('a:1:amd64:z', ['x']), claim('a:1:x86_64:b', ['x'])];
    assert.deepEqual(settleAliases(claims), [[], ['x']]);
  });

  it('treat two names of one architecture as the same', () => {
    const claims = [claim('debian:12:amd64:x', ['d']), claim('debian:12:x86_64:x', ['d'])];
    assert.deepEqual(settleAliases(claims), [['d'], []]);
  });

  it('stay with a later product for the types that the first one lacks', () => {
    const vm = [{ client: 'lxd', type: 'virtual-machine' }] as const;
    const claims = [claim('a:1:amd64:x', ['latest']), claim('b:1:amd64:x', ['latest'], vm)];
    assert.deepEqual(settleAliases(claims), [['latest'], ['latest']]);
  });

  it('keep each alias with the product that a client would resolve it to', () => {
    const images = fc.uniqueArray(
      fc.record({
        client: fc.constantFrom('lxd' as const, 'incus' as const),
        type: fc.constantFrom('container' as const, 'virtual-machine' as const),
      }),
      { selector: ({ client, type }) => client + type, minLength: 1 },
    );
    const claims = fc.uniqueArray(
      fc.record({
        // Two names of one architecture are left out, because clients then choose by serial or at
        // random.
        product: arbitrary.productRef.map((product) => ({ ...product, arch: 'amd64' })),
        aliases: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 3 }),
        images,
      }),
      { selector: ({ product }) => productName(product), maxLength: 5 },
    );
    fc.assert(
      fc.property(claims, (all) => {
        const granted = settleAliases(all);
        for (const client of ['lxd', 'incus'] as const) {
          const seen = (aliasesOf: (i: number) => readonly string[]): ClientImage[] =>
            all.flatMap(({ product, images: kinds }, i) =>
              kinds
                .filter((kind) => kind.client === client)
                .map(({ type }) => clientImage(product, type, aliasesOf(i))),
            );
          assert.deepEqual(
            resolveAliases(seen((i) => granted[i]!)),
            resolveAliases(seen((i) => all[i]!.aliases)),
          );
        }
      }),
    );
  });
});

type ImageKind = { readonly client: 'lxd'; readonly type: 'container' | 'virtual-machine' };

function ref(name: string): ProductRef {
  const product = parseProductName(name);
  assert.ok(product);
  return product;
}

function clientImage(
  product: ProductRef,
  type: ClientImage['type'],
  aliases: readonly string[],
): ClientImage {
  const name = productName(product);
  const { os, release, variant } = product;
  const properties = { os, release, variant };
  const fingerprint = `${name} ${type}`;
  const about = { product: name, version: '20240101', arch: 'amd64', fingerprint, type };
  return { ...about, properties, aliases, files: [] };
}
