import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseProductFile } from '../../../src/catalog/product-file.ts';

function problem(text: string): string {
  const result = parseProductFile(text);
  assert.ok('problem' in result, JSON.stringify(result));
  return result.problem;
}

describe('parseProductFile', () => {
  it('reads everything that is allowed', () => {
    const text = `
      aliases = ["debian/stable", "latest", "latest"]
      release_title = "Bookworm"
      support_eol = "2028-02-29"
      [requirements]
      secureboot = "false"
      __proto__ = "x"
    `;
    const result = parseProductFile(text);
    assert.ok('values' in result);
    const { requirements, ...values } = result.values;
    assert.deepEqual(values, {
      aliases: ['debian/stable', 'latest'],
      releaseTitle: 'Bookworm',
      supportEol: '2028-02-29',
    });
    assert.deepEqual(Object.entries(requirements), [
      ['secureboot', 'false'],
      ['__proto__', 'x'],
    ]);
  });

  it('reads an empty file as no values', () => {
    assert.deepEqual(parseProductFile(''), { values: { aliases: [], requirements: {} } });
  });

  it('rejects wrong types, with the line', () => {
    for (const [text, expected] of [
      ['\naliases = "a"', /^line 2: aliases is not a list of strings$/],
      ['aliases = ["a", 1]', /^line 1: aliases is not a list/],
      ['aliases = { a = "b" }', /^line 1: aliases is not a list/],
      ['release_title = 12', /^line 1: release_title is not a string$/],
      ['release_title = ""', /^line 1: release_title is empty$/],
      [`release_title = "${'x'.repeat(256)}"`, /^line 1: release_title is longer than 255/],
      ['release_title = "a\\u0007"', /control character/],
      ['\n\nrequirements = ["a"]', /^line 3: requirements is not a table of strings$/],
      ['requirements = 2024-01-01', /^line 1: requirements is not a table/],
      ['[[requirements]]\na = "b"', /^line 1: requirements is not a table/],
      [
        '[requirements]\nsecureboot = false',
        /^line 2: the requirement "secureboot" is not a string/,
      ],
      ['requirements.cgroup = 1', /^line 1: the requirement "cgroup"/],
      ['requirements = { a = "\\n" }', /the requirement "a" .* control character/],
      ['[requirements.a]\nb = "c"', /the requirement "a" is not a string/],
      ['support_eol = 2028-06-30', /^line 1: support_eol is not a string: quote the date$/],
    ] as const) {
      assert.match(problem(text), expected);
    }
  });

  it('rejects aliases that no client can read', () => {
    assert.match(problem('aliases = ["a,b"]'), /^line 1: the alias "a,b" has a comma in it$/);
    assert.match(problem('aliases = ["a b"]'), /has a space/);
    assert.match(problem('aliases = ["a\\tb"]'), /has a control character/);
    assert.match(problem('aliases = [""]'), /is empty/);
  });

  it('rejects dates that do not exist', () => {
    for (const day of ['2027-02-29', '2027-13-01', '2027-00-10', '27-01-01', '2027-1-1', 'soon']) {
      assert.match(problem(`support_eol = "${day}"`), /^line 1: support_eol is ".*", not a date/);
    }
  });

  it('rejects unknown names, with the line', () => {
    assert.match(
      problem('aliases = []\nalias = "a"\n'),
      /^line 2: "alias" is no known name; known/,
    );
    assert.match(problem('[a]\n[requirement]'), /^line 1: "a" is no known name/);
    assert.match(problem('"__proto__" = 1'), /"__proto__" is no known name/);
    assert.match(problem('"a.*(b" = 1'), /^line 1: "a\.\*\(b" is no known name/);
  });

  it('rejects invalid TOML, with the line and in one line', () => {
    for (const [text, line] of [
      ['\n\nrelease_title = ', 3],
      ['release_title = "a"\nrelease_title = "b"', 2],
      ['aliases = ["a"', 1],
      [`aliases = ${'['.repeat(5000)}`, 1],
      ['<html>', 1],
    ] as const) {
      assert.match(problem(text), new RegExp(`^line ${line}: it is no TOML: .*$`));
    }
  });

  it('rejects a file that is too large', () => {
    assert.match(problem(`# ${'x'.repeat(70_000)}`), /larger than 65536/);
  });

  it('has a result for any text', () => {
    const fragment = fc.constantFrom(
      'aliases',
      '=',
      '[',
      ']',
      '"',
      'a',
      '\n',
      'requirements',
      '.',
      '{',
      '}',
      '2024-01-01',
      ',',
      '#',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fragment).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const result = parseProductFile(text);
        assert.equal('values' in result, !('problem' in result));
      }),
    );
  });
});
