import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import {
  compareRevisions,
  readGeneration,
  REVISION_BYTES,
  revisionMember,
} from '../../../src/simplestreams/generation.ts';

const revision = fc.record({ catalog: fc.nat(), mirror: fc.nat() }, { noNullPrototype: true });
const bytes = (text: string) => new TextEncoder().encode(text);

describe('readGeneration', () => {
  it('reads what revisionMember writes, from the first bytes alone', () => {
    fc.assert(
      fc.property(revision, fc.string({ unit: 'grapheme', size: 'large' }), (expected, rest) => {
        const file = bytes(`{${revisionMember(expected)},"rest":${JSON.stringify(rest)}}`);
        assert.deepEqual(readGeneration(file.subarray(0, 256)), expected);
        assert.deepEqual(readGeneration(file), expected);
      }),
    );
  });

  it('reads it from the first bytes of a gzipped file, of text that compresses badly or well', () => {
    fc.assert(
      fc.property(
        revision,
        fc.uint8Array({ minLength: 0, maxLength: 60_000, size: 'max' }),
        fc.integer({ min: 0, max: 9 }),
        fc.boolean(),
        (expected, noise, level, hard) => {
          const rest = hard ? Buffer.from(noise).toString('hex') : 'images/'.repeat(noise.length);
          const file = gzipSync(`{${revisionMember(expected)},"rest":"${rest}"}`, { level });
          assert.deepEqual(readGeneration(file.subarray(0, REVISION_BYTES)), expected);
          assert.deepEqual(readGeneration(file), expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is undefined for other files, or when the file is cut before the revision ends', () => {
    const whole = `{${revisionMember({ catalog: 12, mirror: 34 })}`;
    for (let length = 0; length < whole.length; length++) {
      assert.equal(readGeneration(bytes(whole.slice(0, length))), undefined);
    }
    for (const foreign of [
      '{"index":{"images":{}},"format":"index:1.0"}',
      '{"content_id":"images","generation":{"catalog":1,"mirror":0}}',
      '{"generation":{"catalog":-1,"mirror":0}}',
      '{"generation":{"catalog":1.5,"mirror":0}}',
      '{"generation":{"catalog":"1","mirror":0}}',
      '{"generation":{"catalog":12345678901234567890,"mirror":0}}',
      '{"generation":7}',
      '[]',
      'not JSON',
    ]) {
      assert.equal(readGeneration(bytes(foreign)), undefined, foreign);
    }
    assert.equal(readGeneration(Uint8Array.of(0x1f, 0x8b)), undefined);
    assert.equal(
      readGeneration(Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8)),
      undefined,
    );
    assert.equal(readGeneration(Uint8Array.of(0xff, 0xfe, 0)), undefined);
  });

  it('never throws, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.boolean(), (noise, gzipped) => {
        const start = gzipped ? [0x1f, 0x8b, 8] : [];
        readGeneration(Uint8Array.from([...start, ...noise]));
      }),
    );
  });
});

describe('compareRevisions', () => {
  it('compares the catalog, then the mirror, with 0 for an absent value', () => {
    const ordered = [{ catalog: 1 }, { catalog: 1, mirror: 2 }, { catalog: 2 }, { catalog: 10 }];
    for (const [i, a] of ordered.entries()) {
      for (const [j, b] of ordered.entries()) {
        assert.equal(Math.sign(compareRevisions(a, b)), Math.sign(i - j));
      }
    }
    assert.equal(compareRevisions({ catalog: 3 }, { catalog: 3, mirror: 0 }), 0);
  });
});
