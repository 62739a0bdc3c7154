import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseChecksums } from '../../../src/catalog/checksums.ts';
import * as arbitrary from '../../support/images/arbitraries.ts';

const A = 'a1'.repeat(32);
const B = 'b2'.repeat(32);

function sums(text: string): [string, string][] {
  const result = parseChecksums(text);
  assert.ok('sums' in result, JSON.stringify(result));
  return Object.entries(result.sums);
}

function problem(text: string): string {
  const result = parseChecksums(text);
  assert.ok('problem' in result, JSON.stringify(result));
  return result.problem;
}

describe('parseChecksums', () => {
  it('reads every form that sha256sum --check reads', () => {
    for (const line of [
      `${A}  rootfs.squashfs`,
      `${A} *rootfs.squashfs`,
      `${A} rootfs.squashfs`,
      `${A}\trootfs.squashfs`,
      `  ${A}  rootfs.squashfs`,
      `${A.toUpperCase()}  rootfs.squashfs`,
      `${A}  ./rootfs.squashfs`,
      `${A}  .//./rootfs.squashfs`,
      `\\${A}  rootfs.squashfs`,
      `SHA256 (rootfs.squashfs) = ${A}`,
    ]) {
      for (const end of ['', '\n', '\r\n', '\n\n\n']) {
        assert.deepEqual(sums(line + end), [['rootfs.squashfs', A]], line);
      }
    }
  });

  it('reads many lines, with comments and blank ones between', () => {
    const text = `# made by hand\r\n${A}  lxd.tar.xz\r\n\r\n${B} *a file (1).txt\r\n`;
    assert.deepEqual(sums(text), [
      ['lxd.tar.xz', A],
      ['a file (1).txt', B],
    ]);
    assert.deepEqual(sums(''), []);
    assert.deepEqual(sums(`\uFEFF${A}  x`), [['x', A]]);
  });

  it('unescapes only names that are marked as escaped', () => {
    assert.deepEqual(sums(`\\${A}  a\\\\b\\nc\\\\n\\r`), [['a\\b\nc\\n\r', A]]);
    assert.deepEqual(sums(`${A}  a\\\\b`), [['a\\\\b', A]]);
    assert.match(problem(`\\${A}  a\\x`), /^line 1: /);
  });

  it('keeps names that every object has as members', () => {
    assert.deepEqual(sums(`${A}  __proto__\n${B}  constructor`), [
      ['__proto__', A],
      ['constructor', B],
    ]);
  });

  it('rejects a line that is no entry, with its number', () => {
    for (const line of [
      'hello',
      A,
      `${A} `,
      `${A.slice(1)}  x`,
      `${A}0  x`,
      `${A}x`,
      `MD5 (x) = ${A}`,
      `SHA256 (x) = ${A}0`,
      `SHA256 () = ${A}`,
      `g${A.slice(1)}  x`,
    ]) {
      assert.match(problem(`${B}  ok\n${line}\n`), /^line 2: it is not "<64 hex/, line);
    }
  });

  it('rejects names in other folders', () => {
    for (const name of ['sub/x', '/tmp/x', '../x', './sub/x', 'sub/', './']) {
      assert.match(problem(`${A}  ${name}`), /^line 1: ".*" is not a file in the folder/, name);
    }
  });

  it('rejects two digests of one file, but accepts one digest twice', () => {
    assert.match(problem(`${A}  x\n${B}  x`), /^line 2: "x" is there twice, with two digests$/);
    assert.deepEqual(sums(`${A}  x\n${A} *./x`), [['x', A]]);
  });

  it('rejects a file that is too long', () => {
    assert.match(problem('#'.repeat(1_048_577)), /longer than/);
  });

  it('reads back what sha256sum writes, for any file names', () => {
    const name = fc
      .string({ unit: 'binary', minLength: 1 })
      .filter(
        (text) => !/[/\0]/.test(text) && text.isWellFormed() && text !== '.' && text !== '..',
      );
    const entries = fc.uniqueArray(fc.tuple(name, arbitrary.sha256, fc.constantFrom(' ', '*')), {
      selector: ([text]) => text,
    });
    fc.assert(
      fc.property(entries, (all) => {
        const lines = all.map(([text, digest, mark]) => {
          const escaped = text
            .replaceAll('\\', '\\\\')
            .replaceAll('\n', '\\n')
            .replaceAll('\r', '\\r');
          return `${escaped === text ? '' : '\\'}${digest} ${mark}${escaped}\n`;
        });
        const expected = all.map(([text, digest]): [string, string] => [text, digest]);
        assert.deepEqual(sums(lines.join('')).sort(), expected.sort());
      }),
    );
  });
});
