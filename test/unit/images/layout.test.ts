import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  fileKey,
  parseImageKey,
  parseProductName,
  parseProductPath,
  productFileKey,
  productName,
  versionProblem,
  type ParsedKey,
} from '../../../src/images/layout.ts';
import * as arbitrary from '../../support/images/arbitraries.ts';

const PREFIX = 'images/iats/xenial/amd64/default';
const VERSION = `${PREFIX}/20180716_12:00`;

function reason(key: string): string {
  const parsed = parseImageKey(key);
  assert.ok(parsed.kind === 'ignored', `${key}: ${JSON.stringify(parsed)}`);
  return parsed.reason;
}

describe('keys of images', () => {
  it('are read back from where they are made', () => {
    fc.assert(
      fc.property(
        arbitrary.productRef,
        arbitrary.versionName,
        arbitrary.safeName,
        (product, version, file) => {
          const ref = { product, version };
          assert.deepEqual(parseImageKey(fileKey(ref, file)), { kind: 'file', ref, file });
          const kind = 'product-file';
          assert.deepEqual(parseImageKey(productFileKey(product)), { kind, product });
        },
      ),
    );
  });

  it('are read in the layout of the older server', () => {
    assert.deepEqual(parseImageKey(`${VERSION}/lxd.tar.xz`), {
      kind: 'file',
      ref: {
        product: { os: 'iats', release: 'xenial', arch: 'amd64', variant: 'default' },
        version: '20180716_12:00',
      },
      file: 'lxd.tar.xz',
    });
  });

  it('that are unsafe are ignored with a reason, for every position of the error', () => {
    const faults = [
      'a+b',
      'a%2Bb',
      'a?b',
      'a#b',
      'a\\b',
      'a b',
      ' ',
      'a\tb',
      'a\0b',
      'ü',
      '💿',
      '\uFFFD',
    ];
    const names = ['os', 'release', 'amd64', 'default', '20240101', 'lxd.tar.xz'];
    for (const fault of [
      ...faults,
      'a&b',
      "a'b",
      'a"b',
      'a*b',
      'a<b',
      'a|b',
      'a~b',
      'a@b',
      'a$b',
    ]) {
      for (const [i, name] of names.entries()) {
        const key = `images/${names.with(i, i === 4 ? name + fault : fault).join('/')}`;
        assert.match(reason(key), /has characters other than A-Z a-z 0-9/);
      }
    }
  });

  it('with a colon outside the version are ignored with a reason', () => {
    const names = ['os', 'release', 'amd64', 'default', '20240101', 'lxd.tar.xz'];
    for (const i of names.keys()) {
      const parsed = parseImageKey(`images/${names.with(i, `${names[i]!}:`).join('/')}`);
      assert.equal(parsed.kind, i === 4 ? 'file' : 'ignored');
    }
  });

  it('that leave their folder, or have empty names, are ignored with a reason', () => {
    for (const key of [
      `${VERSION}/../lxd.tar.xz`,
      `${PREFIX}/../default/20240101/lxd.tar.xz`,
      `${VERSION}/..`,
      `images/../catalog/catalog.json`,
      `images/./a/b/c/20240101/x`,
    ]) {
      assert.equal(reason(key), "it has a '.' or '..' for a name");
    }
    for (const key of [`${VERSION}//lxd.tar.xz`, `images//a/b/c/20240101/x`]) {
      assert.match(reason(key), /two slashes/);
    }
  });

  it('that are too deep or too shallow are ignored with a reason', () => {
    for (const key of ['images/x', 'images/a/b/c/d', 'images/a/b/c/d/x', `${PREFIX}/20240101`]) {
      assert.match(reason(key), /too shallow/);
    }
    assert.match(reason(`${VERSION}/sub/lxd.tar.xz`), /too deep/);
    assert.match(reason(`${VERSION}/a/b/c/d/e`), /too deep/);
    assert.match(reason(`${PREFIX}/product.toml/x`), /does not start with a date/);
  });

  it('outside of images/ or too long are ignored with a reason', () => {
    for (const key of ['', 'images', 'Images/a/b/c/d/20240101/x', '/images/a/b/c/d/20240101/x']) {
      assert.match(reason(key), /not below images\//);
    }
    const room = 1024 - `${VERSION}/`.length;
    assert.equal(parseImageKey(`${VERSION}/${'x'.repeat(room)}`).kind, 'file');
    assert.match(reason(`${VERSION}/${'x'.repeat(room + 1)}`), /longer than 1024/);
    const named = (name: string) => `images/a/b/c/${name}/20240101/x`;
    assert.equal(parseImageKey(named('x'.repeat(128))).kind, 'file');
    assert.match(reason(named('x'.repeat(129))), /"x{100}…" is longer than 128 characters/);
  });

  it('with a hidden name, and folder markers, are ignored without a reason', () => {
    for (const key of [
      'images/',
      `${VERSION}/`,
      `${VERSION}/.lxd.tar.xz.part`,
      'images/.tmp/a/b/c/20240101/x',
      'images/.DS_Store',
      `${PREFIX}/.20240101/x y`,
      `${PREFIX}/...`,
    ]) {
      assert.deepEqual(parseImageKey(key), { kind: 'hidden' }, key);
    }
  });

  it('have a result for any text, and are accepted only when safe', () => {
    const name = fc.oneof(arbitrary.safeName, arbitrary.versionName, fc.string({ unit: 'binary' }));
    const keys = fc.array(name, { maxLength: 8 }).map((names) => ['images', ...names].join('/'));
    fc.assert(
      fc.property(fc.oneof(keys, fc.string({ unit: 'binary' })), (key) => {
        const parsed: ParsedKey = parseImageKey(key);
        if (parsed.kind === 'file') {
          assert.equal(fileKey(parsed.ref, parsed.file), key);
          assert.match(key, /^images(\/[A-Za-z0-9_-][A-Za-z0-9._:-]*){6}$/);
        }
        if (parsed.kind === 'product-file') assert.equal(productFileKey(parsed.product), key);
        if (parsed.kind === 'ignored') assert.notEqual(parsed.reason, '');
      }),
      { numRuns: 1000 },
    );
  });
});

describe('versions', () => {
  it('start with a real day', () => {
    for (const good of [
      '20240229',
      '19700101',
      '20180716_12:00',
      '20240101_1200',
      '20240101-2',
      '202401011',
    ]) {
      assert.equal(versionProblem(good), undefined, good);
    }
    const bad = ['20230229', '20240431', '20261399', '20240100', '2024010', 'v20240101', 'latest'];
    for (const version of [...bad, '2024-01-01', '']) assert.ok(versionProblem(version), version);
  });
});

describe('names of products', () => {
  it('are read back from where they are made', () => {
    fc.assert(
      fc.property(arbitrary.productRef, (product) => {
        assert.deepEqual(parseProductName(productName(product)), product);
        assert.deepEqual(parseProductPath(productName(product).replaceAll(':', '/')), product);
      }),
    );
  });

  it('are nothing else', () => {
    for (const name of [
      'a:b:c',
      'a:b:c:d:e',
      'a::c:d',
      ':b:c:d',
      'a/b/c/d',
      'a:b:c:d ',
      '.a:b:c:d',
      '',
    ]) {
      assert.equal(parseProductName(name), undefined, name);
    }
    for (const path of [
      'a/b/c',
      'a/b/c/d/e',
      'a//c/d',
      '/a/b/c/d',
      'a/b/../d',
      'a/b/c/d/',
      'a:b:c:d',
    ]) {
      assert.equal(parseProductPath(path), undefined, path);
    }
  });
});
