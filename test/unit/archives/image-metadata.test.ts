import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { MetadataError, parseImageMetadata } from '../../../src/archives/image-metadata.ts';

const HEAD = 'architecture: x86_64\ncreation_date: 1700000000\n';

function properties(yaml: string): Readonly<Record<string, string>> {
  return parseImageMetadata(`${HEAD}properties:\n${yaml}`).properties;
}

describe('metadata.yaml', () => {
  it('keeps the properties as they are written', () => {
    assert.deepEqual(
      properties(
        [
          '  release: 22.10',
          '  serial: 0123',
          '  big: 123456789012345678901234567890',
          '  hex: 0x1F',
          '  real: 1e3',
          '  yes: True',
          '  none: ~',
          '  empty:',
          '  os: &os Alpine',
          '  same: *os',
          "  quoted: '22.10'",
          '  22.10: name',
        ].join('\n'),
      ),
      {
        release: '22.10',
        serial: '0123',
        big: '123456789012345678901234567890',
        hex: '0x1F',
        real: '1e3',
        yes: 'True',
        none: '',
        empty: '',
        os: 'Alpine',
        same: 'Alpine',
        quoted: '22.10',
        '22.10': 'name',
      },
    );
    assert.deepEqual(parseImageMetadata(HEAD).properties, {});
    assert.deepEqual(parseImageMetadata(`${HEAD}properties:\n`).properties, {});
  });

  it('has no lists and maps as properties', () => {
    for (const yaml of ['  a: [b]', '  a: {b: c}', '  l: &l [b]\n  a: *l']) {
      assert.throws(() => properties(yaml), /has a property "[al]" that is no text/);
    }
    assert.throws(() => properties('  ? [a]\n  : b'), /whose name is no text/);
    assert.throws(() => properties('  - a'), /properties that are no map/);
  });

  it('has dates that every client can show', () => {
    const dated = (created: string, expiry = '0') =>
      parseImageMetadata(
        `architecture: x86_64\ncreation_date: ${created}\nexpiry_date: ${expiry}\n`,
      );
    assert.equal(dated('1').creationDate, 1);
    assert.equal(dated('253402300799', '253402300799').creationDate, 253_402_300_799);
    for (const created of ['1700000000000000', '253402300800', '0', '-1', '1.5', '.inf', '"1"']) {
      assert.throws(
        () => dated(created),
        (error) =>
          error instanceof MetadataError &&
          /has the creation_date .*whole number of seconds since 1970/.test(error.message),
        created,
      );
    }
    assert.throws(() => dated('1', '1700000000000000'), /has the expiry_date 1700000000000000;/);
    assert.throws(() => dated('1', 'tomorrow'), /has the expiry_date "tomorrow"/);
    assert.throws(() => dated('~'), /has no creation_date/);
  });
});
